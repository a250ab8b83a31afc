import asyncio
import threading
import time

import pytest

from clary.services.sagemaker.holding import SDK_SECONDS, WAITER_SECONDS, patience
from clary.services.sagemaker.training_job import create_training_job, describe_training_job
from tests.services.sagemaker.conftest import training_job

PLAIN = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux m/b,E,Z,e,N cfg/retry-mode#standard Botocore/1.44.5"
WAITER = PLAIN.replace("m/b,", "m/B,b,")
SDK = f"{PLAIN} lib/AWS-SageMaker-Python-SDK#2.257.6"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:training-job/job"


@pytest.mark.parametrize(
    ("user_agent", "age", "seconds"),
    [
        (PLAIN, 0, 0),
        (PLAIN.replace("m/b,", "m/C,b,"), 0, 0),
        ("", 0, 0),
        (WAITER, 1000, WAITER_SECONDS),
        (PLAIN.replace("m/b,E", "m/D,B"), 0, WAITER_SECONDS),
        (SDK, 5, SDK_SECONDS),
        (SDK, 60, 0),
        ("Boto3/1 SageMakerSDK/3.0", 5, SDK_SECONDS),
    ],
)
def test_who_is_kept_waiting(user_agent, age, seconds):
    assert patience(user_agent, age) == seconds


def test_a_person_is_answered_at_once(desk):
    desk(create_training_job, **training_job())
    before = time.monotonic()
    assert desk(describe_training_job, user_agent=PLAIN, TrainingJobName="job")["TrainingJobStatus"] == "InProgress"
    assert time.monotonic() - before < SDK_SECONDS, "nobody held it"


def test_two_hundred_held_describes_take_no_thread_and_end_with_the_job(desk):
    desk(create_training_job, **training_job())
    threads, before = [], threading.active_count()

    async def run():
        call = desk.call("DescribeTrainingJob", SDK)
        held = [asyncio.create_task(describe_training_job(call, {"TrainingJobName": "job"})) for _ in range(200)]
        while len(desk.rooms.changes._watches.get(key(desk), ())) < 200:
            await asyncio.sleep(0.01)
        # All wait: the pool's threads are free, another question is answered at once, and a change that is no end
        # lets nobody go.
        await asyncio.to_thread(desk.tell, ARN, SecondaryStatus="Training")
        answer = await asyncio.wait_for(asyncio.to_thread(desk.rooms.records.get, key(desk)), 5)
        assert answer.body["SecondaryStatus"] == "Training"
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in held)
        threads.append(threading.active_count())
        await asyncio.to_thread(desk.tell, ARN, SecondaryStatus="Completed")
        return await asyncio.wait_for(asyncio.gather(*held), 15)

    answers = asyncio.run(run())
    assert {answer["TrainingJobStatus"] for answer in answers} == {"Completed"}
    assert threads[0] - before < 50


def test_a_job_that_is_deleted_lets_its_watchers_go(desk):
    desk(create_training_job, **training_job())

    async def run():
        call = desk.call("DescribeTrainingJob", WAITER)
        held = asyncio.create_task(describe_training_job(call, {"TrainingJobName": "job"}))
        while not desk.rooms.changes._watches:
            await asyncio.sleep(0.01)
        desk.rooms.records.delete(key(desk))
        desk.rooms.changes.notify(key(desk))
        await asyncio.wait_for(held, 5)

    with pytest.raises(Exception, match="Requested resource not found"):
        asyncio.run(run())


def test_a_server_that_ends_answers_with_what_is_known(desk):
    desk(create_training_job, **training_job())

    async def run():
        call = desk.call("DescribeTrainingJob", WAITER)
        held = asyncio.create_task(describe_training_job(call, {"TrainingJobName": "job"}))
        while not desk.rooms.changes._watches:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        held.cancel()
        return await asyncio.wait_for(held, 5)

    assert asyncio.run(run())["TrainingJobStatus"] == "InProgress"


def key(desk):
    from clary.services.sagemaker import resources

    return resources.key_of(desk.call(), resources.TRAINING_JOB, "job")
