from liveserver.rooms.sessions import Attendance, SessionBook


def viewer(session: str, room: str = "demo", network: str | None = "net") -> Attendance:
    return Attendance(session, room, "egress", None, network)


def test_session_is_found_by_its_room_and_role_alone() -> None:
    book = SessionBook()
    book.add(viewer("s1"))
    assert book.find("s1", "demo", "egress") == viewer("s1")
    assert book.find("s1", "other", "egress") is None
    assert book.find("s1", "demo", "ingest") is None
    assert book.find("s2", "demo", "egress") is None


def test_viewers_are_counted_by_room_and_network() -> None:
    book = SessionBook()
    book.add(viewer("s1"))
    book.add(viewer("s2", room="other"))
    book.add(viewer("s3", network=None))
    book.add(Attendance("s4", "demo", "ingest", "ada", "net"))
    assert (book.viewers("demo"), book.viewers("other")) == (2, 1)
    assert (book.viewers_from("net"), book.viewers_from(None)) == (2, 0)
    book.remove("s1")
    assert (book.viewers("demo"), book.viewers_from("net")) == (1, 1)


def test_sessions_of_a_room_can_be_removed_while_iterating() -> None:
    book = SessionBook()
    for name in ("s1", "s2", "s3"):
        book.add(viewer(name))
    for session in book.of_room("demo"):
        book.remove(session)
    assert (list(book.of_room("demo")), book.viewers("demo")) == ([], 0)


def test_removing_twice_counts_once() -> None:
    book = SessionBook()
    book.add(viewer("s1"))
    book.add(viewer("s2"))
    for _ in range(2):
        book.remove("s1")
    assert book.viewers_from("net") == 1
