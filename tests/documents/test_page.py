"""Reading a document notices what is wrong with it."""

import os

import pytest

from tests.documents.page import Page, printed_as_shown

DOCUMENT = """# A page

```python
x = 6
```

```sh
echo from the shell > file
```

```python
print(x * 7, open("file").read())
```

<!-- prints -->
```text
42 from…shell
```
"""


@pytest.fixture
def read(tmp_path, wait_until):
    page = Page(tmp_path, {"PATH": os.environ["PATH"], "TONEARM_HOME": str(tmp_path)}, wait_until)

    def go(text):
        document = tmp_path / "page.md"
        document.write_text(text)
        page.read(document)

    yield go
    page.close()


def test_a_sound_page_is_read_to_its_end(read):
    read(DOCUMENT)


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("42 from", "43 from", "page.md:16"),
        ("x = 6", "x = 1 / 0", 'page.md", line 4'),
        ("echo from the shell >", "false; echo x >", "page.md:7: exit code 1"),
        ("x * 7", "y", "NameError"),
    ],
)
def test_a_page_that_is_wrong_is_noticed_and_the_place_named(read, right, wrong, complaint):
    with pytest.raises(AssertionError) as noticed:
        read(DOCUMENT.replace(right, wrong))
    assert complaint in str(noticed.value)


def test_an_ellipsis_stands_for_anything_in_a_line_or_for_lines():
    pattern = printed_as_shown("first\n…\nlast 1…\n")
    assert pattern.search("zero\nfirst\nand\nmore\nlast  1 of 2\n")
    assert not pattern.search("first\nlast 2\n")
