"""Makes the pictures of the README: python3 tests/browser/pictures.py COMMAND FOLDER."""
import subprocess
import sys
import tempfile
from pathlib import Path

from chromium import Chromium

ROOT = Path(__file__).resolve().parents[2]


def main(command: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, Chromium(1280, 860) as browser:
        page = Path(work) / "report.html"
        subprocess.run([command, "report", "--quiet", f"{ROOT / 'tests' / 'data' / 'digits.db'}#1", "-o", page], check=True, stdout=subprocess.DEVNULL)
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            browser.open(page)
            browser.js("[...document.querySelectorAll('#smooth')].forEach(one => { one.value = 0.3; one.dispatchEvent(new Event('input')); })")
            browser.scroll_to("#curves")
            browser.js("scrollTo({top: document.querySelector('#curves').offsetTop - 40, behavior: 'instant'})")
            browser.settle()
            left, top, width, height = browser.js("(() => { const box = document.querySelectorAll('#curves .u-over')[0].getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; })()")
            browser.mouse(left + width * 0.62, top + height * 0.3)
            browser.settle()
            browser.picture(folder / f"report-{scheme}.png")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
