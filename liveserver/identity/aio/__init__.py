"""The shells of identity: keys fetched over HTTP, tokens checked at the door."""
