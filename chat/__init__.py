"""The room's live channel: chat, likes, presence and moderation."""
