"""An emulator inside the user's process changes nothing there. Each check runs in a process of its own."""

import json
import subprocess
import sys

USE = """
    from emulator.testing import Emulator
    with Emulator(log_level="debug") as emulator:
        emulator.client.calls.register("CA" + "b" * 32, status="in-progress")
        assert emulator.client.messages() == []
        assert emulator.client.requests() == []
"""

STATE = f"""
import asyncio, gc, json, logging, os, resource, signal, sys, threading, warnings

def state():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy = repr(asyncio.get_event_loop_policy())
    known = logging.root.manager.loggerDict.values()
    loggers = [logging.getLogger(), *(one for one in known if hasattr(one, "handlers"))]
    return {{
        "event loop policy": policy,
        "logging handlers": [repr(handler) for one in loggers for handler in one.handlers],
        "logging level": logging.getLogger().level,
        "warning filters": repr(warnings.filters),
        "signal handlers": [repr(signal.getsignal(one)) for one in sorted(signal.valid_signals())],
        "environment": dict(os.environ),
        "gc": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), repr(gc.callbacks)],
        "file limit": resource.getrlimit(resource.RLIMIT_NOFILE),
        "hooks": [repr(sys.excepthook), repr(threading.excepthook)],
        "directory": os.getcwd(),
    }}

def use():{USE}
state()  # the policy is made when it is first read
before = state()
use()
print(json.dumps([before, state()]))
"""

TELEMETRY = f"""
import json
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Logs:
    def __init__(self):
        self.records = []
    def on_emit(self, record):
        self.records.append(record)
    def shutdown(self):
        pass
    def force_flush(self, timeout_millis=0):
        return True

spans, reader, logs = InMemorySpanExporter(), InMemoryMetricReader(), Logs()
tracers, loggers = TracerProvider(), LoggerProvider()
tracers.add_span_processor(SimpleSpanProcessor(spans))
loggers.add_log_record_processor(logs)
trace.set_tracer_provider(tracers)
metrics.set_meter_provider(MeterProvider([reader]))
_logs.set_logger_provider(loggers)

def use():{USE}
use()
data = reader.get_metrics_data()
scopes = [scope for resource in (data.resource_metrics if data else []) for scope in resource.scope_metrics]
names = [metric.name for scope in scopes for metric in scope.metrics]
print(json.dumps([[span.name for span in spans.get_finished_spans()], names, len(logs.records)]))
"""


def run(script: str) -> list[object]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_process_state_is_unchanged() -> None:
    before, after = run(STATE)

    assert after == before


def test_opentelemetry_gets_nothing() -> None:
    assert run(TELEMETRY) == [[], [], 0]
