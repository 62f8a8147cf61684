"""Startup: what an answer to /health means for `make serve`, which waits until a model is served.

docker/serving/serve.sh runs it beside the server: standard input is the answer, and standard output the problem.
"""

import json
import sys

NOTHING, WAIT, REFUSED = 0, 1, 2  # exit codes


def meaning(answer: str) -> tuple[int, str]:
    """Return the exit code, and what the server says is wrong.

    NOTHING is a server that waits for a champion, REFUSED one that does not serve the version that it has found: the
    registry has answered. Until then, WAIT.

    Examples
    --------
    >>> meaning('{"registry": "up", "refused": null, "problem": "no champion"}')
    (0, 'no champion')
    >>> meaning('{"registry": "down", "refused": null, "problem": "no answer"}')
    (1, '')

    """
    try:
        facts = json.loads(answer)
        up, problem, refused = facts["registry"] == "up", facts["problem"], facts["refused"]
    except (ValueError, KeyError, TypeError):  # the server has not answered yet
        return WAIT, ""
    if not (up and problem):
        return WAIT, ""
    return REFUSED if refused else NOTHING, str(problem)


if __name__ == "__main__":
    code, problem = meaning(sys.stdin.read())
    print(problem)
    sys.exit(code)
