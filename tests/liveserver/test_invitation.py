import io

from liveserver.aio.invitation import Invitation, write_invitation

BASES = ["http://127.0.0.1:8080", "http://192.168.1.20:8080"]


def printed(invitation: Invitation) -> str:
    out = io.StringIO()
    write_invitation(invitation, out)
    return out.getvalue()


def test_token_is_in_the_fragment_of_the_studio_link_alone() -> None:
    text = printed(Invitation(BASES, "demo", "abc"))
    assert "watch   http://127.0.0.1:8080/watch/demo\n" in text
    assert "studio  http://127.0.0.1:8080/studio/demo#token=abc\n" in text
    assert text.count("token=abc") == len(BASES)


def test_without_a_token_it_is_told_how_to_get_one() -> None:
    text = printed(Invitation(BASES[:1], "demo", None))
    assert "liveserver token --role host --room demo" in text
    assert "token=" not in text


def test_codes_are_drawn_for_the_network_address() -> None:
    assert "█" in printed(Invitation(BASES, "demo", "abc", with_codes=True))
    assert "█" not in printed(Invitation(BASES[:1], "demo", "abc", with_codes=True))
    assert "█" not in printed(Invitation(BASES, "demo", "abc"))
