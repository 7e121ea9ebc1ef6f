"""FastAPI's hello-world: what the start is compared with."""

from announced import serve
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root() -> dict[str, str]:
    """Say hello, as on the first page of FastAPI's tutorial."""
    return {"message": "Hello World"}


if __name__ == "__main__":
    serve(app)
