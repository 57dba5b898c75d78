"""The web side: takes requests, answers with a task's id, and tells how the task is."""
from celery.result import AsyncResult
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field

from tasks import app as celery
from tasks import report, send_email

app = FastAPI()


class Email(BaseModel):
    to: str = Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    subject: str = Field(max_length=200)


class Report(BaseModel):
    pages: int = Field(ge=1, le=1000)
    urgent: bool = False


def accepted(task, response):
    response.status_code = 202
    response.headers["Location"] = f"/tasks/{task.id}"
    return {"task": task.id}


@app.post("/emails")
def post_email(email: Email, response: Response):
    return accepted(send_email.delay(email.to, email.subject), response)


@app.post("/reports")
def post_report(order: Report, response: Response):
    # On Redis 0 is served first.
    task = report.apply_async((order.pages,), priority=0 if order.urgent else 6)
    return accepted(task, response)


@app.get("/tasks/{task_id}")
def get_task(task_id: str):
    result = AsyncResult(task_id, app=celery)
    answer = {"task": task_id, "state": result.state}
    if result.successful():
        answer["result"] = result.result
    elif result.failed():
        answer["error"] = str(result.result)
    return answer


@app.delete("/tasks/{task_id}", status_code=204)
def delete_task(task_id: str):
    AsyncResult(task_id, app=celery).revoke(terminate=True)


@app.get("/health")
def health():
    return {"ok": True}
