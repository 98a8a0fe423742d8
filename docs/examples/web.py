"""Publish from a web request: ``uvicorn web:app`` with DATABASE_URL and BROKER_URL set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from db import DatabaseOperationError, ValidationError
from worker.publisher import Publisher


class Upload(BaseModel):
    """What the client says of a file that it has uploaded."""

    audio_id: UUID
    occurred_at: datetime
    audio_path: str
    metadata: dict[str, Any] = {}


class Accepted(BaseModel):
    """Which event it became, and whether it was one already: the same request sent again changes nothing."""

    event_id: UUID
    duplicate: bool


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one publisher for the whole process; it is thread-safe."""
    with Publisher() as app.state.publisher:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/uploads", status_code=202)
def upload(body: Upload, request: Request) -> Accepted:  # not async: publish waits for the database
    """Publish the upload; 422 if it is no event, 503 if it could not be stored: the client tries again."""
    publisher: Publisher = request.app.state.publisher
    try:
        receipt = publisher.publish(body.model_dump(mode="json"))
    except ValidationError as error:
        raise HTTPException(422, str(error)) from error
    except DatabaseOperationError as error:
        raise HTTPException(503, "try again") from error
    assert receipt.event_id  # made from the content
    return Accepted(event_id=receipt.event_id, duplicate=receipt.duplicate)
