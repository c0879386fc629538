"""Feedback reaches the ledger by whichever worker is asked, and a moment later every worker knows of it."""

import json
import sqlite3
import urllib.request
from contextlib import closing

from road import PATIENCE_S, PROVIDERS, road, said

THREE = f"server: {{workers: 3}}\n{PROVIDERS}"


def test_an_answer_of_one_worker_is_rated_by_any(tmp_path):
    with road(tmp_path, THREE) as way:
        names = []
        for number in range(12):
            with way.client() as client:  # Another connection, another worker.
                answer = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("Hello"))
            names.append(answer.headers["x-fareway-request-id"])
            body = json.dumps({"request_id": names[-1], "score": number % 2}).encode()
            headers = {"Authorization": f"Bearer {way.first}"}
            asked = urllib.request.Request(f"{way.url}/v1/feedback", body, headers)
            with urllib.request.urlopen(asked, timeout=PATIENCE_S) as told:
                assert told.status == 200
        assert way.metric("fareway_feedback_total", arm="not compared") == 12
        with closing(sqlite3.connect(way.gate.home / "ledger.db")) as database:
            assert database.execute("SELECT request_id, score FROM feedback ORDER BY at").fetchall() == [
                (name, number % 2) for number, name in enumerate(names)
            ]
