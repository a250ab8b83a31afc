"""SDK v3's jobs: training by image and by script, tuning, batch transform, processing, pipelines."""

from sagemaker.core.analytics import TrainingJobAnalytics
from sagemaker.core.experiments.run import Run
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.resources import TrainingJob, TrialComponent
from sagemaker.core.s3 import S3Downloader
from sagemaker.core.shapes import (
    MetricDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.core.workflow.parameters import ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner
from v3_tumours import (
    IMAGE,
    SKLEARN,
    SOURCE,
    TYPE,
    accuracy,
    channels,
    model_data,
    place,
    role,
    session,
    trainer,
    unique,
)


def train_with_a_built_in_image():
    """With the role that v3 finds and checks by itself."""
    here = session()
    model = ModelTrainer(
        training_image=IMAGE,
        compute=Compute(instance_type=TYPE, instance_count=1),
        hyperparameters={"objective": "binary:logistic", "num_round": 20, "eval_metric": "logloss"},
        base_job_name=unique("image"),
        sagemaker_session=here,
    )
    model.train(input_data_config=channels())
    job = model._latest_training_job
    assert job.training_job_status == "Completed"
    assert job.role_arn == role(here)
    assert {metric.metric_name for metric in job.final_metric_data_list} == {"train:logloss", "validation:logloss"}
    frame = TrainingJobAnalytics(job.training_job_name, sagemaker_session=here).dataframe()
    assert {"train:logloss", "validation:logloss"} <= set(frame["metric_name"])


def train_with_source_code():
    here = session()
    model = ModelTrainer(
        training_image=SKLEARN,
        source_code=SourceCode(source_dir=SOURCE, entry_script="train.py"),
        compute=Compute(instance_type=TYPE, instance_count=1),
        hyperparameters={"strength": 0.3},
        role=role(here),
        sagemaker_session=here,
    ).with_metric_definitions([MetricDefinition(name="accuracy", regex="accuracy: ([0-9.]+)")])
    model.train(input_data_config=channels("train"))
    job = model._latest_training_job
    assert job.training_job_status == "Completed"
    (metric,) = job.final_metric_data_list
    assert metric.value > 0.95


def a_failed_training_says_why():
    here = session()
    where = here.upload_string_as_file_body("1,a,b\n0,c,d\n", here.default_bucket(), "tumours-v3/broken/rows.csv")
    model = trainer(here)
    try:
        model.train(input_data_config=[InputData(channel_name="train", data_source=where, content_type="text/csv")])
    except Exception as error:  # noqa: BLE001 - its class is the SDK's own matter
        assert "ClientError" in str(error), error
    else:
        raise AssertionError("a table of words was learnt from")


def tuner():
    search = HyperparameterTuner(
        trainer(session(), num_round=10),
        "validation:logloss",
        {"max_depth": IntegerParameter(1, 6), "eta": ContinuousParameter(0.05, 0.5, scaling_type="Logarithmic")},
        objective_type="Minimize",
        max_jobs=4,
        max_parallel_jobs=2,
        base_tuning_job_name=unique("one"),  # the SDK's own names are of a minute
    )
    search.tune(inputs=channels())
    frame = search.analytics().dataframe()
    assert list(frame["TrainingJobStatus"]) == ["Completed"] * 4
    best = frame.sort_values("FinalObjectiveValue").iloc[0]
    assert search.best_training_job() == best["TrainingJobName"]


def resources_of_training_jobs():
    """sagemaker-core: get, get_all, refresh, wait, and an error of the service as its own."""
    model = trainer(session(), num_round=5)
    model.train(input_data_config=channels(), wait=False)
    job = TrainingJob.get(model._latest_training_job.training_job_name)
    job.wait(poll=1)
    assert job.refresh().training_job_status == "Completed"
    assert job.training_job_name in {found.training_job_name for found in TrainingJob.get_all()}
    try:
        TrainingJob.get("no-such-job")
    except Exception as error:  # noqa: BLE001
        assert "Requested resource not found" in str(error), error
    else:
        raise AssertionError("a job that nobody started was found")


def transformer():
    here = session()
    name = unique("transform-v3")
    builder = ModelBuilder(image_uri=IMAGE, s3_model_data_url=model_data(), role_arn=role(here), sagemaker_session=here)
    model = builder.build(model_name=name)
    scorer = Transformer(
        name, 1, TYPE, strategy="MultiRecord", assemble_with="Line", accept="text/csv", sagemaker_session=here
    )
    scorer.transform(place("test"), content_type="text/csv", split_type="Line")
    text = S3Downloader.read_file(f"{scorer.output_path}/rows.csv.out", sagemaker_session=here)
    assert accuracy(text) > 0.9
    model.delete()


def _split_inputs(here):
    """What split.py is given, and where what it leaves goes."""
    where = f"s3://{here.default_bucket()}/{unique('split')}"
    inputs = [
        ProcessingInput(
            input_name="data",
            s3_input=ProcessingS3Input(
                s3_uri=place("train"),
                local_path="/opt/ml/processing/input/data",
                s3_data_type="S3Prefix",
                s3_input_mode="File",
            ),
        )
    ]
    outputs = [
        ProcessingOutput(
            output_name=name,
            s3_output=ProcessingS3Output(
                s3_uri=f"{where}/{name}", local_path=f"/opt/ml/processing/{name}", s3_upload_mode="EndOfJob"
            ),
        )
        for name in ("train", "rest")
    ]
    return {"inputs": inputs, "outputs": outputs, "arguments": ["--train-rows", "300"]}


def _rows_left(here, outputs):
    return [
        len(S3Downloader.read_file(f"{output.s3_output.s3_uri}/rows.csv", sagemaker_session=here).splitlines())
        for output in outputs
    ]


def script_processor():
    here = session()
    given = _split_inputs(here)
    processor = ScriptProcessor(
        role(here), SKLEARN, ["python3"], instance_count=1, instance_type=TYPE, sagemaker_session=here
    )
    processor.run(code=f"{SOURCE}/split.py", **given)
    assert _rows_left(here, given["outputs"]) == [300, 100]


def framework_processor():
    here = session()
    given = _split_inputs(here)
    processor = FrameworkProcessor(SKLEARN, role(here), 1, TYPE, command=["python3"], sagemaker_session=here)
    processor.run(code="split.py", source_dir=SOURCE, **given)
    assert _rows_left(here, given["outputs"]) == [300, 100]


def experiment_run():
    here, name = session(), unique("experiment")
    with Run(experiment_name=name, run_name="first", sagemaker_session=here) as run:
        run.log_parameter("depth", 3)
        run.log_metric("loss", 0.5, step=0)
        model = trainer(here, num_round=5)
        model.train(input_data_config=channels(), logs=False)
    found = TrialComponent.get(trial_component_name=run._trial_component.trial_component_name)
    assert [metric.metric_name for metric in found.metrics] == ["loss"]


def pipeline():
    plain = session()
    here = PipelineSession(boto_session=plain.boto_session)
    name, arn = unique("tumours-v3"), role(plain)
    rounds = ParameterInteger(name="Rounds", default_value=20)
    processor = ScriptProcessor(arn, SKLEARN, ["python3"], instance_count=1, instance_type=TYPE, sagemaker_session=here)
    split = ProcessingStep(
        name="Split",
        step_args=processor.run(code=f"{SOURCE}/split.py", **_split_inputs(plain)),
        cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"),
    )
    parts = split.properties.ProcessingOutputConfig.Outputs
    model = ModelTrainer(
        training_image=IMAGE,
        role=arn,
        compute=Compute(instance_type=TYPE, instance_count=1),
        hyperparameters={"objective": "binary:logistic", "eval_metric": "logloss", "num_round": rounds.to_string()},
        input_data_config=[
            InputData(channel_name=channel, data_source=parts[output].S3Output.S3Uri, content_type="text/csv")
            for channel, output in {"train": "train", "validation": "rest"}.items()
        ],
        sagemaker_session=here,
    )
    train = TrainingStep(name="Train", step_args=model.train())
    builder = ModelBuilder(
        s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
        image_uri=IMAGE,
        sagemaker_session=here,
        role_arn=arn,
    )
    create = ModelStep(name="Create", step_args=builder.build())
    register = ModelStep(
        name="Register",
        step_args=builder.register(
            model_package_group_name=name,
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[TYPE],
            transform_instances=[TYPE],
            approval_status="Approved",
        ),
    )
    loss = train.properties.FinalMetricDataList["validation:logloss"].Value
    judge = ConditionStep(
        name="Judge",
        conditions=[ConditionLessThanOrEqualTo(left=loss, right=0.5)],
        if_steps=[create, register],
        else_steps=[FailStep(name="Reject", error_message="not good")],
    )
    graph = Pipeline(name=name, parameters=[rounds], steps=[split, train, judge], sagemaker_session=here)
    graph.upsert(role_arn=arn)
    graph.upsert(role_arn=arn)  # the second time it is there already
    execution = graph.start(parameters={"Rounds": 15})
    execution.wait(delay=2)
    steps = {step["StepName"]: step["StepStatus"] for step in execution.list_steps()}
    assert set(steps.values()) == {"Succeeded"}, steps
    assert len(steps) == 5, steps
    assert len(here.sagemaker_client.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]) == 1
    graph.delete()
