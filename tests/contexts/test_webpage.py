"""A page is read as a person sees it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlm_async.contexts import load
from rlm_async.contexts.webpage import page_text

PAGE = """<!DOCTYPE html><html><head><title>Terms &amp; more</title><meta charset=utf-8>
<script>var hidden = "<p>no</p>";</script><style>p { color: red }</style></head>
<body><h1>The <em>first</em> heading</h1><p>One&nbsp;para with <b>bold</b>text &eacute; &#8364; &lt;tag&gt;<br>second line</p>
<p>Wrapped
   text</p>
<ul><li><p>one</p></li><li>two<ul><li>nested</li></ul></li><li></li><li>three</ul>
<table><tr><th>Name<th>Age</tr><tr><td><p>Ann</p></td><td><p>34</p></td></tr></table>
<pre>
def f():
    return 1

x
</pre>after <img src=a alt="a cat"><svg><title>no</title></svg><!-- no --><h2></h2><div>last <span>words"""

TEXT = """Terms & more

# The first heading

One\xa0para with boldtext é € <tag>
second line

Wrapped text

- one
- two
  - nested
- three

Name | Age
Ann | 34

def f():
    return 1

x

after a cat

last words"""


def test_a_page_is_its_visible_text_block_by_block():
    assert page_text(PAGE) == TEXT


def test_scripts_styles_and_drawings_are_left_out():
    assert (
        page_text("<script>a<b</script><style>x</style><template>t</template><svg><text>s</text></svg>kept") == "kept"
    )


def test_an_unclosed_drawing_ends_with_the_body():
    assert page_text("<body>a<svg>b</body>c").split() == ["a", "c"]


def test_word_sections_and_cdata_are_read_through():
    assert page_text("<p><![if !supportLists]>a<![endif]></p><![CDATA[1 < 2]]>") == "a\n\n1 < 2"


def test_empty_cells_keep_their_column():
    assert page_text("<table><tr><td></td><td>x</td></tr><tr><td>y</td><td></td></tr></table>").split("\n") == [
        "| x",
        "y |",
    ]


def test_html_files_give_text_and_templates_stay_source(tmp_path):
    (tmp_path / "page.html").write_text("<p>Hello <b>you</b>")
    (tmp_path / "view.html").write_text("<p>Hello {{ name }}")
    (tmp_path / "code.txt").write_text("<p>as it is</p>")
    texts = {document.name: document.text for document in load([tmp_path])}
    assert texts == {"page.html": "Hello you", "view.html": "<p>Hello {{ name }}", "code.txt": "<p>as it is</p>"}


@given(st.text(max_size=300))
def test_any_text_is_a_page(text):
    assert isinstance(page_text(text), str)


@given(
    st.lists(
        st.sampled_from(
            [
                "<![",
                "<!",
                "</",
                "<p",
                ">",
                "<td>",
                "<tr>",
                "<pre>",
                "</pre>",
                "<li>",
                "x",
                " ",
                "\n",
                "&",
                "<script>",
                "]]>",
                "<h1>",
                "</h1>",
                "<!--",
            ]
        ),
        max_size=40,
    )
)
def test_any_order_of_tags_is_a_page(pieces):
    page_text("".join(pieces))
