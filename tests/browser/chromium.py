"""A headless Chromium, driven through its DevTools pipe: needs nothing but the browser itself."""
from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

PATIENCE = 120  # Seconds: a machine of a test service stalls now and then.
NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    """The browser: the one that EXPMIG_TEST_CHROMIUM names, or the system's."""
    return os.environ.get("EXPMIG_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one page."""

    def __init__(self, width: int = 1280, height: int = 900):
        self._profile = tempfile.TemporaryDirectory()
        inbox, theirs_out = os.pipe()
        theirs_in, outbox = os.pipe()
        command = [executable(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                   "--hide-scrollbars", f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}", "about:blank"]
        # The browser reads from descriptor 3 and writes to 4.
        shell = ["sh", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-', "chromium", *command]
        if {theirs_in, theirs_out} & {3, 4}:
            shell[2] = f'exec 8<&{theirs_in} 9>&{theirs_out}; exec "$@" 3<&8 4>&9 8<&- 9>&-'
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(shell, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out, self._buffer, self._number = inbox, outbox, b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._log.close()
        for _ in range(20):
            try:
                self._profile.cleanup()
                return
            except OSError:
                # Its children are still writing there.
                time.sleep(0.1)

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, until - time.monotonic()))
            piece = os.read(self._in, 1 << 20) if ready else b""
            if not piece:
                self._log.seek(0)
                raise RuntimeError("the browser says nothing: " + self._log.read().decode(errors="replace")[-2000:])
            self._buffer += piece
        message, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(message))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data):]
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(until)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self.events.append(answer)

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str, media: str = "") -> None:
        """What the system is said to prefer: light or dark; and the screen, or paper."""
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, page: Path) -> float:
        """Opens a file, and waits until it has put itself together. Answers how many seconds that took."""
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.documentElement?.dataset.ready === 'yes' && document.readyState === 'complete'")
        self.settle()
        return float(self.js("(performance.getEntriesByName('ready')[0]?.startTime ?? performance.now()) / 1000"))

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        until = time.monotonic() + PATIENCE
        while not self.js(f"Boolean({expression})"):
            if time.monotonic() > until:
                raise RuntimeError(f"it never became so: {expression}")
            time.sleep(0.05)

    def settle(self) -> None:
        """Until what was asked for is drawn."""
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))")

    def scroll_to(self, selector: str) -> None:
        self.js(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'start', behavior: 'instant'}})")
        self.settle()

    def mouse(self, x: float, y: float, kind: str = "mouseMoved") -> None:
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)
        self.settle()

    def key(self, name: str) -> None:
        text = {"text": name} if len(name) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name)
        self.settle()

    def problems(self) -> list[str]:
        """What the console, the security policy or a script complained of, and every request for something else than the page."""
        found = []
        for event in self.events:
            said = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(said["exceptionDetails"])[:600])
            elif event.get("method") == "Runtime.consoleAPICalled":
                found.append(json.dumps(said["args"])[:600])
            elif event.get("method") == "Log.entryAdded":
                found.append(json.dumps(said["entry"])[:600])
            elif event.get("method") == "Network.requestWillBeSent" and not said["request"]["url"].startswith(("file:", "data:", "about:")):
                found.append(said["request"]["url"])
        return found

    def picture(self, path: Path, whole: bool = False) -> None:
        """A picture of what is to be seen, or of the whole page."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def print(self, path: Path) -> None:
        """The page as it would be printed: a PDF."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))
