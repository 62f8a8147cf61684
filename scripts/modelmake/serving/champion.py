"""Champion: the model that a worker serves, and the thread that exchanges it when the alias moves.

One worker at a time, the holder of a lock on the volume, asks the registry and fetches new models. All workers look at
the file that names the served version, load a new one aside, and exchange it between two requests.
"""

import fcntl
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from modelmake.config.config import check_columns
from modelmake.core import files
from modelmake.core.aliases import CHAMPION
from modelmake.core.errors import PipelineError, TrackingError, UserError
from modelmake.serving.cache import Cache
from modelmake.serving.scorer import Scorer, load
from modelmake.tracking.readers import Named, registry

EVERY = 0.5  # seconds between two looks at the registry
TOGETHER = 5.0  # seconds that a worker waits for the first model, which another worker fetches
AGAIN = 30.0  # seconds before a model that was refused is fetched again
STATE, LOCK = "registry.json", "lock"


@dataclass(frozen=True)
class Model:
    """A loaded model, the version that it is, and when it was loaded, in seconds since 1970."""

    scorer: Scorer
    named: Named
    loaded: float


@dataclass(frozen=True)
class State:
    """What the registry answered last."""

    checked: float = 0.0  # when, in seconds since 1970; 0 for never
    problem: str = "the server has not reached the registry yet"  # or why the version of the alias is not served
    up: bool = False  # whether the registry answers
    refused: str = ""  # the version that the alias names and that is not served


class Follower:
    """Keeps the model of one worker at the champion; `folder` is the volume, and `say` takes a line for the log."""

    def __init__(
        self,
        folder: Path,
        name: str,
        trusted: Sequence[str],
        private: Sequence[str] = (),
        say: Callable[[str], None] = print,
    ) -> None:
        """Prepare; `start` loads the model of the cache."""
        self.folder, self.name, self.trusted, self.private, self.say = folder, name, trusted, private, say
        self.cache, self.registry = Cache(folder / "cache"), registry()
        self.model: Model | None = None
        self.before: Model | None = None  # stays in memory, for a rollback
        self._seen = ""
        self._failed: tuple[str, float, PipelineError] | None = None
        self._lock: IO[str] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Load the model that was served last, without asking the registry, and begin to follow."""
        with suppress(Exception):  # the thread tries again, and says what is wrong
            self._exchange()
            for _ in range(int(TOGETHER / 0.1)):
                if self.model is not None or self._held():
                    break
                time.sleep(0.1)
                self._exchange()
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and leave the lock to another worker."""
        self._stopped.set()
        self._thread.join(1)
        if self._lock is not None:
            self._lock.close()

    @property
    def state(self) -> State:
        """What the holder of the lock wrote last."""
        try:
            return State(**json.loads((self.folder / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return State()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._held():
                    self._ask()
                self._exchange()
            except PipelineError as error:
                self._note(str(error))
            except Exception as error:  # the thread outlives a full disk and other problems of the volume
                self._note(f"the folder of the server: {type(error).__name__}")
            self._stopped.wait(EVERY)

    def _held(self) -> bool:
        """Return whether this worker is the one that asks; the engine frees the lock of a worker that has ended."""
        if self._lock is None:
            lock = (self.folder / LOCK).open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                return False
            self._lock = lock
            self.cache.sweep()
        return True

    def _ask(self) -> None:
        """Ask which version the alias names, and put a new one into the cache once it is verified."""
        now, refused = time.time(), ""
        try:
            named = self.registry.at(self.name, CHAMPION)
            if named is None:
                raise UserError(self.name, f"no version has the alias @{CHAMPION}", "make promote")
            refused = named.version
            if self.model is None or named != self.cache.current():
                self._take(named)
            self._record(State(now, "", up=True))
        except PipelineError as error:
            up = not isinstance(error, TrackingError)
            self._fail(State(now if up else self.state.checked, str(error), up, refused))
        except Exception as error:  # a full disk, or an answer that is not MLflow's: no version is left out in silence
            problem = f"{self.name}: the server cannot take the version of @{CHAMPION}: {type(error).__name__}"
            self._fail(State(now, problem, bool(refused), refused))

    def _fail(self, state: State) -> None:
        self._note(state.problem)
        self._record(state)

    def _take(self, named: Named) -> None:
        """Verify a version, in the cache or fetched, and name it as the one to serve; a refused one waits a while."""
        with self._patiently(named):
            is_ready = self._in_memory(named) is not None and self.cache.has(named.model_id)
            scorer = None if is_ready else self._verified(named)
            self.cache.serve(named)
            if scorer is not None:
                self._loaded(scorer, named)

    def _verified(self, named: Named) -> Scorer:
        """Load a version from the cache, or fetch it."""
        folder = self.cache.model(named.model_id)
        if folder is not None:
            return self._load(folder, named)
        self.say(f"fetching version {named.version} of {self.name}")
        return self.cache.add(
            named.model_id,
            lambda place: self.registry.fetch(named.model_id, place),
            lambda place: self._load(place, named),
        )

    def _load(self, folder: Path, named: Named) -> Scorer:
        """Load a model; raises UserError for a private column that it does not have, which may be a misspelt one."""
        scorer = load(folder, named.model_id, self.trusted)
        columns = [*scorer.contract.names, *scorer.contract.ignored]
        check_columns("serve.private", self.private, columns, f"version {named.version} of {named.name}")
        return scorer

    def _exchange(self) -> None:
        """Serve the version that the cache names, if this worker serves a different one."""
        named = self.cache.current()
        if named is None or (self.model is not None and self.model.named == named):
            return
        with self._patiently(named):
            if (model := self._in_memory(named)) is not None:
                self._loaded(model.scorer, named)
            elif (folder := self.cache.model(named.model_id)) is not None:
                self._loaded(self._load(folder, named), named)

    def _in_memory(self, named: Named) -> Model | None:
        models = (model for model in (self.model, self.before) if model is not None)
        return next((model for model in models if model.named.model_id == named.model_id), None)

    @contextmanager
    def _patiently(self, named: Named) -> Iterator[None]:
        """Raise the last error again, for a while, for a model that was refused: to load it takes seconds."""
        if self._failed and self._failed[0] == named.model_id and time.time() - self._failed[1] < AGAIN:
            raise self._failed[2].with_traceback(None)  # else it grows with each time
        try:
            yield
        except PipelineError as error:
            self._failed = (named.model_id, time.time(), error)
            raise

    def _loaded(self, scorer: Scorer, named: Named) -> None:
        """Exchange the model: requests that have begun end with the old one."""
        if self.model is not None and self.model.named.model_id != named.model_id:
            self.before = self.model
        self.model = Model(scorer, named, time.time())
        self.say(f"serving version {named.version} of {named.name} (run {named.run_id})")
        if not scorer.golden.equal:
            self.say(f"golden rows: {scorer.golden.words}")

    def _record(self, state: State) -> None:
        """Write the state for all workers, at most every five seconds if only its time differs."""
        last = self.state
        if replace(last, checked=state.checked) != state or state.checked - last.checked > 5:
            files.write(self.folder / STATE, json.dumps(asdict(state)))

    def _note(self, line: str) -> None:
        """Print a problem once."""
        if line != self._seen:
            self._seen = line
            self.say(line)
