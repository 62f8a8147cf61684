"""The worst shell of a caller: every variable that has caused a bug, with a hostile value."""

from pathlib import Path

from modelmake.core.settings import IMAGE

# What docker/run.sh says to a container about the machine outside.
TOLD = tuple(f"MODELMAKE_{name}" for name in ("IMAGE_ID", "UI", "HOST", "CONTAINER", "CONTAINERS", "GIT_DIR"))
PROXY = "http://mallory:s3cret@127.0.0.1:9"  # a port without a listener


def environment(folder: Path, victim: Path) -> dict[str, str]:
    """Return the variables; those of git name the repository `victim`, files that a shell reads are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "noise.sh").write_text("echo loading modules; cd /; set -f\n")
    (folder / "evil.py").write_text("raise SystemExit('imported by mistake')\n")
    git = victim / ".git"
    junk = {
        **_git(git, victim),
        **_switches(folder),
        **_names(),
        **_shell(folder),
        **_engine(folder),
        **_python(folder),
        **{name: PROXY for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())},
        "GITHUB_HEAD_REF": "mallory",
        "GITHUB_ACTOR": "mallory",
        "GITHUB_SHA": "c0ffee",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "ACT": "/opt/act",
        "CI": "false",
        "TMPDIR": str(folder / "gone"),
    }
    inside = TOLD if IMAGE.exists() else ()  # there docker/run.sh has set them
    return {name: value for name, value in junk.items() if name not in inside}


def _git(git: Path, work_tree: Path) -> dict[str, str]:
    """Return what `git rev-parse --local-env-vars` lists, as a hook has it and worse."""
    return {
        "GIT_DIR": str(git),
        "GIT_COMMON_DIR": str(git),
        "GIT_WORK_TREE": str(work_tree),
        "GIT_IMPLICIT_WORK_TREE": "0",
        "GIT_INDEX_FILE": str(git / "index"),
        "GIT_PREFIX": "docker/",
        "GIT_OBJECT_DIRECTORY": str(git / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(git / "objects"),
        "GIT_SHALLOW_FILE": str(git / "shallow"),
        "GIT_GRAFT_FILE": str(git / "grafts"),
        "GIT_REPLACE_REF_BASE": "refs/mallory/",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_INTERNAL_SUPER_PREFIX": "docker/",
        "GIT_CONFIG": str(git / "config"),
        "GIT_CONFIG_PARAMETERS": "'core.bare'='true'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "mallory",
        "GIT_NAMESPACE": "mallory",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_CEILING_DIRECTORIES": "/",
    }


def _switches(folder: Path) -> dict[str, str]:
    """Return what our own scripts hand, or once handed, to one another."""
    words = (
        "SCRATCH IN_IMAGE RUNNING_IN WHY_RUNNER TRACKING COMPILE BACKUP_KEY MODELMAKE_IMAGE MODELMAKE_IMAGE_ID "
        "MODELMAKE_IMAGE_BASE MODELMAKE_HOST MODELMAKE_CONTAINER MODELMAKE_CONTAINERS MODELMAKE_DOORS MODELMAKE_USER "
        "MODELMAKE_GIT_DIR MLFLOW_WORKERS COMPOSE_PROJECT_NAME"
    )
    ours = "allowed settings told constants junk root name value project closed sealed image server environment access"
    paths = {"REPLAY": str(folder / "replay"), "MODELMAKE_UI": "http://mallory.example.com"}
    return dict.fromkeys(words.split() + ours.split(), "mallory") | paths


def _names() -> dict[str, str]:
    """Return make's variables by the names that other tools use too; the others, such as RUNNER, are refused."""
    return {
        "VERSION": "2",
        "KEY": "sk-abc123",
        "AUTH": "1",
        "TLS": "1",
        "FROM": "me@example.com",
        "TO": "you@example.com",
        "JOB": "nightly",
        "EVENT": "deploy",
        "ARGS": "--collect-only",
        "FORCE": "1",
        "FOLLOW": "1",
        "UPGRADE": "1",
        "REASON": "mallory",
        "IMAGE_REPO": "mallory.example.com/image",
        "PYTHON": "/usr/bin/false",
        "RUN": "false",
    }


def _shell(folder: Path) -> dict[str, str]:
    return {
        "CDPATH": f".:{folder}",
        "BASH_ENV": str(folder / "noise.sh"),
        "ENV": str(folder / "noise.sh"),
        "SHELLOPTS": "noclobber:noglob",
        "POSIXLY_CORRECT": "1",
        "GREP_OPTIONS": "--invert-match",
        "GREP_COLOR": "1",
        "TAR_OPTIONS": "--verbose",
        "GZIP": "-9",
        "IFS": "/",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "POSIX",
        "BASH_FUNC_docker%%": "() { echo mallory; }",
        "BASH_FUNC_git%%": "() { echo mallory; }",
    }


def _engine(folder: Path) -> dict[str, str]:
    return {
        "COMPOSE_FILE": str(folder / "compose.yaml"),
        "COMPOSE_ENV_FILES": str(folder / "gone.env"),
        "COMPOSE_PATH_SEPARATOR": "|",
        "COMPOSE_PROFILES": "mallory",
        "DOCKER_DEFAULT_PLATFORM": "linux/s390x",
        "DOCKER_CONTENT_TRUST": "1",
        "BUILDX_BUILDER": "mallory",
        "BUILDKIT_HOST": "tcp://127.0.0.1:9",
    }


def _python(folder: Path) -> dict[str, str]:
    return {
        "PYTHONSAFEPATH": "1",
        "PYTHONIOENCODING": "latin-1",
        "PYTHONWARNINGS": "error",
        "PYTHONPATH": str(folder),
        "PYTHONOPTIMIZE": "2",
        "PYTHONHOME": str(folder),
        "PYTHONUTF8": "0",
        "VIRTUAL_ENV": str(folder),
        "PIP_USER": "1",
        "PIP_TARGET": str(folder / "packages"),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "UV_SYSTEM_PYTHON": "1",
        "OMP_NUM_THREADS": "mallory",
        "MLFLOW_HOST": "0.0.0.0",  # noqa: S104
        "MLFLOW_TRACKING_INSECURE_TLS": "mallory",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "mallory",
    }
