"""What is taken up again when the server starts."""

import pytest

from clary.services.sagemaker import recover
from clary.services.sagemaker.endpoint import create_endpoint, delete_endpoint, describe_endpoint, update_endpoint
from clary.services.sagemaker.endpoint_config import create_endpoint_config
from clary.services.sagemaker.model import create_model
from clary.services.sagemaker.training_job import create_training_job, describe_training_job, stop_training_job
from tests.services.sagemaker.conftest import NotedHosting, NotedJobs, model, training_job, variant

ENDPOINT = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/"


def restart(desk):
    """As a new server finds it: the same records, empty rooms but for the folders of jobs."""
    known = desk.jobs.submitted
    desk.rooms.jobs = desk.jobs = NotedJobs()
    desk.jobs.submitted = list(known)
    desk.rooms.hosting = desk.hosting = NotedHosting()
    recover(desk.rooms)


def test_a_job_whose_folder_was_never_made_is_submitted_again(desk):
    desk(create_training_job, **training_job("kept"))
    desk(create_training_job, **training_job("lost"))
    desk(create_training_job, **training_job("ended"))
    desk.tell("arn:aws:sagemaker:us-east-1:000000000000:training-job/ended", SecondaryStatus="Completed")
    kept, lost, _ = desk.jobs.submitted
    desk.jobs.submitted = [kept]
    restart(desk)
    assert desk.jobs.recovered == 1
    assert desk.jobs.submitted == [kept, lost]


def test_a_stop_that_was_cut_off_takes_effect(desk):
    for name in ("kept", "lost"):
        desk(create_training_job, **training_job(name))
        desk(stop_training_job, TrainingJobName=name)
    kept, _ = desk.jobs.submitted
    desk.jobs.submitted = [kept]
    restart(desk)
    assert desk.jobs.stopped == [kept.id]
    assert desk.jobs.submitted == [kept]
    assert desk(describe_training_job, TrainingJobName="lost")["TrainingJobStatus"] == "Stopped"


def endpoint(desk, name, status=None):
    desk(create_endpoint, EndpointName=name, EndpointConfigName="config")
    if status:
        desk.tell(ENDPOINT + name, EndpointStatus=status)


def status(desk, name):
    described = desk(describe_endpoint, EndpointName=name)
    return described["EndpointStatus"], described["EndpointConfigName"]


def test_endpoints_serve_again(desk):
    desk(create_model, **model())
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant()])
    endpoint(desk, "creating")
    endpoint(desk, "failed", "Failed")
    endpoint(desk, "serving", "InService")
    restart(desk)
    assert [spec.name for spec in desk.hosting.created] == ["creating"]
    assert [spec.name for spec in desk.hosting.recovered] == ["serving"]
    desk.tell(f"{ENDPOINT}serving", EndpointStatus="InService")
    assert status(desk, "serving") == ("InService", "config")


def test_an_update_under_way_goes_on_behind_what_served(desk):
    desk(create_model, **model())
    for name in ("config", "new"):
        desk(create_endpoint_config, EndpointConfigName=name, ProductionVariants=[variant(name)])
    endpoint(desk, "e", "InService")
    desk(update_endpoint, EndpointName="e", EndpointConfigName="new")
    restart(desk)
    assert [spec.variants[0].name for spec in desk.hosting.recovered] == ["config"]
    assert [spec.variants[0].name for spec in desk.hosting.updated] == ["new"]
    desk.tell(f"{ENDPOINT}e", EndpointStatus="InService")  # the old workers are back
    assert status(desk, "e") == ("Updating", "config")
    desk.tell(f"{ENDPOINT}e", EndpointStatus="InService")  # the new ones took over
    assert status(desk, "e") == ("InService", "new")


def test_a_deletion_half_done_is_finished(desk):
    desk(create_model, **model())
    desk(create_endpoint_config, EndpointConfigName="config", ProductionVariants=[variant()])
    endpoint(desk, "e", "InService")
    desk.hosting.delete = lambda arn: 1 / 0
    with pytest.raises(ZeroDivisionError):
        desk(delete_endpoint, EndpointName="e")
    restart(desk)
    assert desk.hosting.recovered == []
    endpoint(desk, "e")  # the name is free
