"""FastAPI's hello-world: the baseline of the start time."""

from announced import serve
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root() -> dict[str, str]:
    """Answer with the greeting of FastAPI's tutorial."""
    return {"message": "Hello World"}


if __name__ == "__main__":
    serve(app)
