"""Programs that fork from a process with the service imported behave as if the interpreter had started them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess

import pytest

from tests.support.programs import Program, run_program


def test_program_has_its_own_arguments_environment_and_folder():
    code = "import json, os, sys; print(json.dumps([sys.argv, dict(os.environ), sys.stdin.read(), __name__]))"

    done = run_program(["-c", code, "a", "b"], env={"ONLY": "this"})

    assert json.loads(done.stdout) == [["-c", "a", "b"], {"ONLY": "this"}, "", "__main__"]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("", 0, ""),
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import atexit; atexit.register(print, 'last')", 0, ""),
    ],
)
def test_program_ends_as_the_interpreter_would_let_it_end(code, status, error):
    done = run_program(["-c", code])

    assert (done.returncode, done.stderr, done.stdout) == (status, error, "last\n" if "atexit" in code else "")


def test_exception_is_printed_as_a_traceback():
    done = run_program(["-c", "1 / 0"])

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_module_runs_without_a_warning_though_it_is_imported_already():
    done = run_program(["-m", "schedulers", "--help"])

    assert done.stdout.startswith("usage: python -m schedulers")
    assert done.stderr == ""


def test_running_program_can_be_interrupted_killed_and_awaited():
    program = Program(["-c", "import time\ntry:\n  print('up', flush=True); time.sleep(60)\nfinally:\n  print('end')"])
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.01)
    assert program.poll() is None
    os.kill(program.pid, signal.SIGKILL)

    assert program.wait(30) == -signal.SIGKILL
    program.send_signal(signal.SIGKILL)
    assert program.communicate()[0] in {"", "up\n"}


def test_program_inherits_the_files_it_is_given_and_no_others():
    ours, theirs = socket.socketpair()
    code = "import os, sys; os.write(int(sys.argv[1]), b'hello'); print(list(map(int, os.listdir('/proc/self/fd'))))"
    with ours, theirs:
        given = theirs.fileno()
        done = run_program(["-c", code, str(given)], pass_fds=[given])

        assert ours.recv(10) == b"hello"
    files = set(json.loads(done.stdout))
    assert files > {0, 1, 2, given}
    assert len(files - {0, 1, 2, given}) == 1, "the listing itself"


def test_program_with_a_session_of_its_own_is_the_leader_of_its_group():
    code = "import os; print(os.getpgid(0) == os.getpid())"

    assert run_program(["-c", code], start_new_session=True).stdout == "True\n"
    assert run_program(["-c", code]).stdout == "False\n"


def test_group_of_a_new_program_can_be_killed_at_once():
    for _ in range(20):
        program = Program(["-c", "import time; time.sleep(60)"], start_new_session=True)
        os.killpg(program.pid, signal.SIGKILL)

        assert program.wait(30) == -signal.SIGKILL
