"""From sources to what a search finds, and back to order: files are received, processed in isolation, embedded, and
collected as garbage when nothing refers to them. Speaks in the events of a build, bears to be killed at any moment, and
checks from outside that nothing was lost."""
