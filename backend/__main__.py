"""`python -m backend` is `devops-chatbot`."""

from backend.cli import main

if __name__ == "__main__":
    main()
