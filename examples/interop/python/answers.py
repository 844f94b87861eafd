"""A service with Langfuse's Python SDK: `answers.py PORT URL` answers, and asks URL before it does."""

import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from langfuse import get_client
from opentelemetry import context, propagate

langfuse = get_client()
port, asked = int(sys.argv[1]), sys.argv[2]


def answer():
    with langfuse.start_as_current_observation(name="recommend", as_type="chain"):
        with langfuse.start_as_current_observation(
            name="think",
            as_type="generation",
            model="gpt-4o-mini",
            usage_details={"input": 20, "output": 5},
        ) as generation:
            generation.update(output="A cortado.")
        headers = {}
        propagate.inject(headers)
        request = urllib.request.Request(asked, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        token = context.attach(propagate.extract(self.headers))
        try:
            body = answer()
        finally:
            context.detach(token)
        langfuse.flush()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


HTTPServer(("127.0.0.1", port), Handler).serve_forever()
