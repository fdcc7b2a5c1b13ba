"""scripts/vsmagic: one set-up, repaired when it was cut off, and then nothing between the user and the command."""

import json
import shutil
import signal
import subprocess
import sys

import pytest


def test_arguments_folder_and_stdin_reach_the_command(installed, tmp_path):
    done = installed.run("enhance", "a b", "", "*", '"q"', cwd=tmp_path, stdin="y4m")
    assert json.loads(done.stdout) == {
        "arguments": ["enhance", "a b", "", "*", '"q"'],
        "cwd": str(tmp_path),
        "stdin": "y4m",
    }
    assert done.stderr == ""


def test_second_run_installs_nothing(installed):
    before = installed.builds()
    assert installed.run("again").stderr == ""
    assert installed.builds() == before


def test_symlinks_are_followed(installed, tmp_path):
    (tmp_path / "absolute").symlink_to(installed.launcher)
    (tmp_path / "relative").symlink_to("absolute")
    done = installed.run("x", command=tmp_path / "relative")
    assert json.loads(done.stdout)["arguments"] == ["x"]


def test_exit_code_is_the_commands(installed):
    assert installed.run("fail").returncode == 3


def test_signals_reach_the_command(installed):
    with subprocess.Popen(
        [installed.launcher, "sleep"], env=installed.environ(), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == -signal.SIGTERM


def test_pythonhome_does_not_lead_astray(installed):
    assert installed.run("x", PYTHONHOME="/nowhere").returncode == 0


def test_a_new_pyproject_or_extra_installs_again_once(installed):
    before = installed.builds()
    with (installed.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert "setting up" in installed.run().stderr
    assert "extras: dev more" in installed.run(VSMAGIC_EXTRAS="more,dev").stderr
    assert installed.run(VSMAGIC_EXTRAS="dev").stderr == ""
    assert installed.run().stderr == ""
    assert installed.builds() == before + 2


def test_an_unknown_extra_is_refused(installed):
    refused = installed.run(VSMAGIC_EXTRAS="colour")
    assert refused.returncode == 8
    assert "no extra 'colour'" in refused.stderr
    assert installed.run().returncode == 0


def test_a_failed_installation_shows_pips_words_and_mends_itself(installed):
    with (installed.root / "pyproject.toml").open("a") as file:
        file.write("# changed once more\n")
    (installed.root / "broken").touch()
    failed = installed.run()
    (installed.root / "broken").unlink()
    assert failed.returncode == 8
    assert "the stub is broken on purpose" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("vsmagic: the installation failed")
    assert installed.run().returncode == 0


def test_a_set_up_that_was_cut_off_is_made_anew_by_one_of_two_at_once(installed):
    venv = installed.root / ".venv"
    before = installed.builds()
    (venv / "vsmagic-stamp").unlink()
    (venv / "vsmagic-unfinished").touch()
    for package in venv.glob("lib/python*/site-packages/pip"):
        shutil.rmtree(package)
    both = [
        subprocess.Popen(
            [installed.launcher, "x"],
            env=installed.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    results = [running.communicate(timeout=120) for running in both]
    assert [running.returncode for running in both] == [0, 0], results
    assert installed.builds() == before + 1
    told = "".join(stderr for _, stderr in results)
    assert told.count("setting up") == 1
    assert told.count("waiting for another set-up") == 1


def test_a_moved_checkout_is_set_up_again(installed, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(installed.root, moved, symlinks=True, ignore=shutil.ignore_patterns("lib", "lib64"))
    script = f'. "{moved}/scripts/setup-venv.sh"; install() {{ echo installs; }}; setup_venv "$1"'
    told = [
        subprocess.run(
            ["/bin/sh", "-euc", script, "sh", root],
            check=False,
            env=installed.environ(),
            capture_output=True,
            text=True,
        )
        for root in (installed.root, moved)
    ]
    assert [done.stdout for done in told] == ["", "installs\n"]


def test_a_foreign_venv_without_a_fitting_python_is_left_alone(checkout):
    checkout.program("bin/python3", f'exec "{sys.executable}" "$@"')
    checkout.program("a checkout/.venv/bin/python", "exit 1")
    (checkout.root / ".venv" / "precious").touch()
    refused = checkout.run()
    assert refused.returncode == 8
    assert "was not made by this script" in refused.stderr
    assert (checkout.root / ".venv" / "precious").exists()


@pytest.mark.parametrize("script", ["vsmagic", "test", "bench", "setup-venv.sh"])
def test_scripts_are_valid_posix_shell(checkout, script):
    assert subprocess.run(["/bin/sh", "-n", checkout.root / "scripts" / script], check=False).returncode == 0
