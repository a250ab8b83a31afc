"""SDK v2's jobs: training with logs, scripts, tuning, batch transform, processing, pipelines, experiments."""

import os
from pathlib import Path

import sagemaker
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run, load_run
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn import SKLearn, SKLearnProcessor
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.utils import unique_name_from_base
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from v2_tumours import IMAGE, TYPE, accuracy, channels, estimator, held_out, model_data, place, session

_SOURCE = Path(__file__).parent / "source"


def _text(here, uri):
    return sagemaker.s3.S3Downloader.read_file(uri, sagemaker_session=here)


def fit_with_all_logs():
    model = estimator(session())
    model.fit(channels(), logs="All")
    assert model.latest_training_job.describe()["TrainingJobStatus"] == "Completed"
    frame = TrainingJobAnalytics(model.latest_training_job.name, sagemaker_session=model.sagemaker_session).dataframe()
    assert {"train:logloss", "validation:logloss"} <= set(frame["metric_name"])


def fit_without_logs_and_attach():
    model = estimator(session())
    model.fit(channels(), logs=False)
    found = Estimator.attach(model.latest_training_job.name, sagemaker_session=session())
    assert found.model_data == model.model_data
    assert found.hyperparameters()["num_round"] == "40"
    assert found.instance_type == TYPE


def failed_fit_says_why():
    here = session()
    model = estimator(here)
    where = here.upload_string_as_file_body("1,a,b\n0,c,d\n", here.default_bucket(), "tumours/broken/rows.csv")
    try:
        model.fit({"train": TrainingInput(where, content_type="csv")}, logs=False)
    except sagemaker.exceptions.UnexpectedStatusException as error:
        assert error.actual_status == "Failed"
        assert "ClientError" in str(error), error
    else:
        raise AssertionError("a table of words was learnt from")


def script_mode():
    here = session()
    model = SKLearn(
        entry_point="train.py",
        source_dir=str(_SOURCE),
        framework_version="1.2-1",
        role=sagemaker.get_execution_role(here),
        instance_type=TYPE,
        sagemaker_session=here,
        hyperparameters={"strength": 0.3},
        metric_definitions=[{"Name": "accuracy", "Regex": "accuracy: ([0-9.]+)"}],
    )
    model.fit({"train": place("train")})
    (metric,) = model.latest_training_job.describe()["FinalMetricDataList"]
    assert metric["MetricName"] == "accuracy" and metric["Value"] > 0.95
    predictor = model.deploy(1, TYPE)
    try:
        assert (predictor.predict(held_out[:, 1:]) == held_out[:, 0]).mean() > 0.9
    finally:
        predictor.delete_endpoint()


def tuner():
    model = estimator(session(), num_round=10)
    search = HyperparameterTuner(
        model,
        "validation:logloss",
        {"max_depth": IntegerParameter(1, 6), "eta": ContinuousParameter(0.05, 0.5, scaling_type="Logarithmic")},
        objective_type="Minimize",
        max_jobs=4,
        max_parallel_jobs=2,
        base_tuning_job_name=f"one-{os.urandom(3).hex()}",  # the SDK's own names are of a minute
    )
    search.fit(channels())
    frame = search.analytics().dataframe()
    assert len(frame) == 4
    assert set(frame["TrainingJobStatus"]) == {"Completed"}
    best = frame.sort_values("FinalObjectiveValue").iloc[0]
    assert search.best_training_job() == best["TrainingJobName"]
    assert search.best_estimator().model_data.endswith("/model.tar.gz")
    assert HyperparameterTuner.attach(search.latest_tuning_job.name, sagemaker_session=session()).max_jobs == 4


def tuner_of_two_algorithms_and_warm_start():
    here, depth = session(), {"max_depth": IntegerParameter(1, 6)}
    names = ("few", "more")
    search = HyperparameterTuner.create(
        {name: estimator(here, num_round=rounds) for name, rounds in zip(names, (5, 10), strict=True)},
        dict.fromkeys(names, "validation:logloss"),
        dict.fromkeys(names, depth),
        objective_type="Minimize",
        max_jobs=2,
        max_parallel_jobs=2,
    )
    search.fit(
        dict.fromkeys(names, channels()),
        job_name=f"two-{os.urandom(3).hex()}",
        include_cls_metadata=dict.fromkeys(names, False),
    )
    assert search.best_estimator().model_data
    parent = HyperparameterTuner(estimator(here, num_round=5), "validation:logloss", depth, [], "Random", "Minimize", 2)
    parent.fit(channels(), job_name=f"cold-{os.urandom(3).hex()}")
    child = parent.identical_dataset_and_algorithm_tuner()
    child.fit(channels(), job_name=f"warm-{os.urandom(3).hex()}")
    assert child.describe()["WarmStartConfig"]["WarmStartType"] == "IdenticalDataAndAlgorithm"
    assert child.best_training_job()


def spot_training_with_checkpoints():
    here = session()
    model = Estimator(
        IMAGE,
        sagemaker.get_execution_role(here),
        1,
        TYPE,
        use_spot_instances=True,
        max_run=600,
        max_wait=900,
        base_job_name="spot",
        checkpoint_s3_uri=f"s3://{here.default_bucket()}/{unique_name_from_base('checkpoints')}",
        hyperparameters={"objective": "binary:logistic", "num_round": 20},
        sagemaker_session=here,
    )
    model.fit(channels(), logs=False)
    found = model.latest_training_job.describe()
    assert found["EnableManagedSpotTraining"] and found["BillableTimeInSeconds"] <= found["TrainingTimeInSeconds"]
    assert sagemaker.s3.S3Downloader.list(model.checkpoint_s3_uri, sagemaker_session=here)


def batch_transform():
    here = session()
    model = Model(IMAGE, model_data(), role=sagemaker.get_execution_role(here), sagemaker_session=here)
    model.name = unique_name_from_base("transform")
    where = f"s3://{here.default_bucket()}/{model.name}"  # the default depends on whether another thread has a pipeline
    transformer = model.transformer(
        1, TYPE, strategy="MultiRecord", assemble_with="Line", accept="text/csv", output_path=where
    )
    transformer.transform(place("test"), content_type="text/csv", split_type="Line", logs=True)
    assert accuracy(_text(here, f"{where}/rows.csv.out")) > 0.9
    transformer.delete_model()


def _processed(processor, **code):
    """The rows that a processing job of split.py left in its two outputs."""
    processor.run(
        inputs=[ProcessingInput(source=place("train"), destination="/opt/ml/processing/input/data")],
        outputs=[ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "rest")],
        arguments=["--train-rows", "300"],
        **code,
    )
    found = processor.latest_job.describe()
    outputs = found["ProcessingOutputConfig"]["Outputs"]
    here = processor.sagemaker_session
    return {
        output["OutputName"]: len(_text(here, f"{output['S3Output']['S3Uri']}/rows.csv").splitlines())
        for output in outputs
    }


def sklearn_processor():
    here = session()
    processor = SKLearnProcessor(
        "1.2-1",
        sagemaker.get_execution_role(here),
        instance_type=TYPE,
        instance_count=1,
        base_job_name="split",
        sagemaker_session=here,
    )
    assert _processed(processor, code=str(_SOURCE / "split.py")) == {"train": 300, "rest": 100}


def script_processor():
    here = session()
    image = sagemaker.image_uris.retrieve("sklearn", here.boto_region_name, version="1.2-1")
    role = sagemaker.get_execution_role(here)
    processor = ScriptProcessor(
        role=role, image_uri=image, command=["python3"], instance_count=1, instance_type=TYPE, sagemaker_session=here
    )
    assert _processed(processor, code=str(_SOURCE / "split.py"), logs=False) == {"train": 300, "rest": 100}


def framework_processor():
    here = session()
    role = sagemaker.get_execution_role(here)
    processor = FrameworkProcessor(SKLearn, "1.2-1", role, 1, TYPE, base_job_name="framework", sagemaker_session=here)
    assert _processed(processor, code="split.py", source_dir=str(_SOURCE)) == {"train": 300, "rest": 100}


def pipeline():
    here = PipelineSession(boto_session=session().boto_session)
    role = sagemaker.get_execution_role(session())
    rounds = ParameterInteger("Rounds", default_value=20)
    processor = SKLearnProcessor("1.2-1", role, instance_type=TYPE, instance_count=1, sagemaker_session=here)
    split = ProcessingStep(
        "Split",
        step_args=processor.run(
            code=str(_SOURCE / "split.py"),
            inputs=[ProcessingInput(source=place("train"), destination="/opt/ml/processing/input/data")],
            outputs=[
                ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "rest")
            ],
            arguments=["--train-rows", "300"],
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"),
    )
    parts = split.properties.ProcessingOutputConfig.Outputs
    model = Estimator(
        IMAGE,
        role,
        1,
        TYPE,
        sagemaker_session=here,
        hyperparameters={"objective": "binary:logistic", "eval_metric": "logloss", "num_round": rounds},
    )
    train = TrainingStep(
        "Train",
        step_args=model.fit(
            {
                "train": TrainingInput(parts["train"].S3Output.S3Uri, content_type="csv"),
                "validation": TrainingInput(parts["rest"].S3Output.S3Uri, content_type="csv"),
            }
        ),
    )
    group = unique_name_from_base("tumours")
    trained = Model(IMAGE, train.properties.ModelArtifacts.S3ModelArtifacts, role=role, sagemaker_session=here)
    register = ModelStep(
        "Register",
        step_args=trained.register(["text/csv"], ["text/csv"], [TYPE], [TYPE], model_package_group_name=group),
    )
    loss = train.properties.FinalMetricDataList["validation:logloss"].Value
    judge = ConditionStep(
        "Judge",
        conditions=[ConditionLessThanOrEqualTo(loss, 0.5)],
        if_steps=[register],
        else_steps=[FailStep("Reject", "not good")],
    )
    graph = Pipeline(group, parameters=[rounds], steps=[split, train, judge], sagemaker_session=here)
    graph.upsert(role)
    graph.upsert(role)  # the second time it is there already
    execution = graph.start(parameters={"Rounds": 15})
    execution.wait(delay=2)
    steps = {step["StepName"]: step for step in execution.list_steps()}
    assert {name: step["StepStatus"] for name, step in steps.items()} == dict.fromkeys(
        ("Split", "Train", "Judge", "Register-RegisterModel"), "Succeeded"
    ), steps
    assert len(here.sagemaker_client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1
    graph.delete()


def experiment_run():
    here = session()
    name = unique_name_from_base("experiment")
    with Run(experiment_name=name, run_name="first", sagemaker_session=here) as run:
        run.log_parameters({"depth": 3, "kind": "trees"})
        for step in range(3):
            run.log_metric("loss", 1 / (step + 1), step=step)
        model = estimator(here, num_round=5)
        model.fit(channels(), logs=False)
    with load_run(experiment_name=name, run_name="first", sagemaker_session=here) as run:
        run.log_parameter("seen", "again")
    found = here.sagemaker_client.describe_trial_component(TrialComponentName=run._trial_component.trial_component_name)
    assert set(found["Parameters"]) == {"depth", "kind", "seen"}
    (metric,) = found["Metrics"]
    assert (metric["MetricName"], metric["Count"]) == ("loss", 3)
    assert abs(metric["Last"] - 1 / 3) < 1e-6
    job = model.latest_training_job.describe()
    assert job["ExperimentConfig"]["ExperimentName"] == name
