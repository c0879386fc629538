"""CPU time counts since the last crash."""

from fuzz.figures import Figures, keep, known

RUN = Figures(cpu_s=60.0, executions=1000, branches=50, inputs=7, date="2026-11-22")


def test_runs_add_up():
    both = RUN.after(Figures(cpu_s=30.0, executions=10, branches=51, inputs=8, date="2026-11-23"))
    assert both == Figures(cpu_s=90.0, executions=1010, branches=51, inputs=8, date="2026-11-23")


def test_a_crash_begins_anew():
    found = RUN.after(Figures(cpu_s=5.0, executions=10, branches=51, inputs=8, crashes=1, date="2026-11-23"))
    assert (found.cpu_s, found.executions, found.crashes) == (0.0, 0, 1)
    assert found.after(RUN).crashes == 1


def test_they_are_kept(tmp_path):
    assert known("sse", tmp_path) == Figures()
    keep("sse", tmp_path, RUN)
    assert known("sse", tmp_path) == RUN
