"""A program with Langfuse's Python SDK that calls a service: `asks.py URL`."""

import sys
import urllib.request

from langfuse import get_client, propagate_attributes
from opentelemetry import propagate

langfuse = get_client()

with propagate_attributes(
    user_id="gus",
    session_id="monday",
    trace_name="order",
    version="2.1",
    environment="staging",
    tags=["interop", "to go"],
    metadata={"shop": "7"},
    as_baggage=True,
):
    with langfuse.start_as_current_observation(name="order", as_type="agent"):
        with langfuse.start_as_current_observation(name="ask", as_type="tool") as span:
            headers = {}
            propagate.inject(headers)
            request = urllib.request.Request(sys.argv[1], headers=headers)
            with urllib.request.urlopen(request, timeout=10) as response:
                span.update(output=response.read().decode())

langfuse.shutdown()
