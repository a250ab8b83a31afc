"""Every example runs, with the clients it is written for, unmodified and in environments of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clary import clients

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def run(server, *command, programs=None, timeout=240):
    """The example's output, run as after `eval "$(clary env)"`."""
    variables = clients.variables(server.settings, server.settings.port, {})
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    if programs:
        inherited["PATH"] = f"{programs}:{inherited['PATH']}"
    answer = subprocess.run(
        [str(part) for part in command],
        env={**inherited, "HOME": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_boto3(server):
    output = run(server, sys.executable, EXAMPLES / "train_deploy_invoke.py")
    assert output.startswith("Completed") and "AUC 0.99" in output


@pytest.mark.slow
def test_population_segmentation(server):
    """Five kinds of counties are made up, and found."""
    output = run(server, sys.executable, EXAMPLES / "population_segmentation.py")
    assert "2000 counties, 16 columns; 5 components keep 98% of the variance" in output
    assert "component 2,  33%: +Income -Poverty -ChildPoverty" in output
    assert re.search(r"^   5 .*<- elbow$", output, re.MULTILINE)
    assert output.count("segment of ") == 5


@pytest.mark.slow
def test_script_mode(server):
    output = run(server, sys.executable, EXAMPLES / "script_mode.py", timeout=600)  # it may build the environment
    assert re.search(r"^accuracy 0\.9[78]", output, re.MULTILINE)
    assert "predicted [0.0, 0.0, 0.0, 0.0, 0.0] of [0, 0, 0, 0, 0]" in output


@pytest.mark.slow
def test_randomcutforest(server):
    """Three events are made up, on 3 and 31 August and 6 October, and found."""
    output = run(server, sys.executable, EXAMPLES / "randomcutforest.py")
    assert re.findall(r"from (2026-..-..) .* to (2026-..-..) .*: up to [1-9]", output) == [
        ("2026-08-02", "2026-08-04"),
        ("2026-08-30", "2026-09-01"),
        ("2026-10-05", "2026-10-07"),
    ]


@pytest.mark.slow
def test_lda(server):
    """Five matters are made up, and found; the new letter is about a parcel and about money."""
    output = run(server, sys.executable, EXAMPLES / "lda.py")
    *topics, letter, first, second = output.splitlines()[1:]
    for matter in ("parcel courier", "invoice charged", "size small", "password login", "broken battery"):
        assert sum(set(matter.split()) <= set(topic.split()) for topic in topics) == 1, (matter, topics)
    assert len(topics) == 5
    assert re.search(r"^ +[56]\d%  .*(courier|parcel|tracking)", first) and letter.startswith("The courier")
    assert re.search(r"^ +[34]\d%  .*(refund|card|amount)", second)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("sdk-v2")
def test_sagemaker_sdk_v2(server, sdk_environment):
    programs = sdk_environment("v2")
    output = run(server, programs / "python", EXAMPLES / "sagemaker_sdk_v2.py", timeout=600)
    assert "XGBoost: accuracy 0.9" in output and "K-Means: " in output


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("sdk-v3")
def test_sagemaker_sdk_v3(server, sdk_environment):
    programs = sdk_environment("v3")
    output = run(server, programs / "python", EXAMPLES / "sagemaker_sdk_v3.py", timeout=600)
    assert "Completed" in output and "accuracy 0.9" in output


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_aws_cli(server, sdk_environment):
    output = run(server, "sh", EXAMPLES / "aws_cli.sh", programs=sdk_environment("cli"))
    assert "training job: Completed" in output and "scores: 0.9" in output


@pytest.mark.slow
def test_demo():
    """Twice in a row, as the README promises."""
    for _ in range(2):
        answer = subprocess.run([sys.executable, "-m", "clary", "demo"], capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "AUC" in answer.stdout and "test:msd" in answer.stdout and "examples/" in answer.stdout


@pytest.mark.slow
def test_demographics(server):
    """Every record is stored as Parquet, dropped or refused; what is learned from them is worth it."""
    output = run(server, sys.executable, EXAMPLES / "demographics.py")
    assert "94000 delivered, 5000 dropped, 1000 refused" in output
    consumers = [int(count) for count in re.findall(r"^   \w+ (\d+) ", output, re.MULTILINE)]
    assert len(consumers) == 4 and sum(consumers) == 94_000
    assert float(re.search(r"Completed .*'validation:auc': ([0-9.]+)", output)[1]) > 0.85


@pytest.mark.slow
def test_spot(server):
    output = run(server, sys.executable, EXAMPLES / "spot.py")
    assert "Interrupted; in S3: xgboost-checkpoint." in output and "The job on demand: Completed" in output
    assert "Training > Interrupted > Starting > Downloading > Training > Uploading > Completed" in output
    assert re.search(r"[1-9]\d % saved", output)


@pytest.mark.slow
def test_ipinsights(server):
    """User 7's home network is known; an address for documentation isn't."""
    output = run(server, sys.executable, EXAMPLES / "ipinsights.py")
    assert float(re.search(r"AUC against random addresses: (\S+)", output)[1]) > 0.97
    assert int(re.search(r"strangers' logins caught: (\d+)%", output)[1]) > 90
    assert re.search(r"user_7 from \S+: \+\d+\.\d welcome\nuser_7 from 203\.0\.113\.50: -\d+\.\d FLAGGED", output)


@pytest.mark.slow
def test_factorization_machines(server):
    """Ratings by taste: the films' means miss it, the machine doesn't, and recommends what each loves."""
    output = run(server, sys.executable, EXAMPLES / "factorization_machines.py")
    machine, means = map(float, re.search(r"off by ([0-9.]+), by the films' means ([0-9.]+)", output).groups())
    assert machine < 0.5 and means > 0.7
    for kind, films in re.findall(r"(\w+)-lover \d+ has not seen and would like: (.*)", output):
        assert films.count(kind) == 3, output
    assert output.count("-lover") == 3


@pytest.mark.slow
def test_similar_items(server):
    """Books of five shelves that customers like or don't: similar ones are from the same shelf."""
    output = run(server, sys.executable, EXAMPLES / "similar_items.py")
    assert "6000 ratings of 60 items by 400 customers" in output
    assert output.count(" also liked: ") == 5
    assert int(re.search(r"(\d+)% of the neighbours are from the same shelf", output)[1]) > 90
    assert int(re.search(r"the right shelf for (\d+)% of 15 new books", output)[1]) > 90


@pytest.mark.slow
def test_linear_learner(server):
    """Few malignant tumours are missed, and most alarms are right."""
    output = run(server, sys.executable, EXAMPLES / "linear_learner.py")
    assert int(re.search(r"malignant tumours found: (\d+)%", output)[1]) >= 93
    assert int(re.search(r"right alarms: (\d+)%", output)[1]) >= 90
    assert float(re.search(r"ROC curve (\S+)", output)[1]) > 0.985
    assert re.search(r"a malignant tumour: score 0\.\d+, alarm\na benign tumour: score 0\.\d+, no alarm", output)


@pytest.mark.slow
def test_model_registry(server):
    """Few neighbours read digits well, many don't: the first version is approved and deployed, the second rejected."""
    output = run(server, sys.executable, EXAMPLES / "model_registry.py")
    assert re.search(r"^version 1: Approved, accuracy 0\.9[5-9]", output)
    assert re.search(r"^version 2: Rejected, accuracy 0\.[0-9]", output, re.MULTILINE)
    read, written = re.search(r"^version 1 reads \[(.*)\], written was \[(.*)\]", output, re.MULTILINE).groups()
    assert sum(one == other for one, other in zip(read.split(", "), written.split(", "), strict=True)) >= 9


@pytest.mark.slow
def test_tuning(server):
    """The best settings that 16 trials find tell tumours well apart."""
    output = run(server, sys.executable, EXAMPLES / "tuning.py")
    losses = [float(loss) for loss in re.findall(r"^log loss (\S+) \{'max_depth': \d", output, re.MULTILINE)]
    assert len(losses) == 5
    assert losses == sorted(losses)
    assert losses[0] < 0.1
    assert re.search(r"^Completed; best of 16: tumours-\d{6}-\d{3}-[0-9a-f]{8}$", output, re.MULTILINE)


@pytest.mark.slow
def test_batch_transform(server):
    """Every patient has a score beside its id, and the malignant ones the higher ones."""
    output = run(server, sys.executable, EXAMPLES / "batch_transform.py")
    scored, area = re.search(r"(\d+) patients scored, AUC (\S+)", output).groups()
    assert int(scored) == 169 and float(area) > 0.98
    assert len(re.findall(r"look first at patient-\d+: [01]\.\d+", output)) == 3


@pytest.mark.slow
def test_async_inference(server):
    """Eight wards are answered, one with the wrong columns is told why; the answered ones are captured."""
    output = run(server, sys.executable, EXAMPLES / "async_inference.py")
    assert len(re.findall(r"^ward-\d: 20 patients, \d+ to look at$", output, re.MULTILINE)) == 8
    assert 'ward-of-errors: Received client error (400) from primary with message "Unable to evaluate' in output
    assert "8 requests captured" in output


@pytest.mark.slow
def test_autoscaling(server):
    """The load brings instances while requests are answered; a serverless endpoint starts when it is asked."""
    output = run(server, sys.executable, EXAMPLES / "autoscaling.py")
    assert "Setting desired instance count to 3." in output
    assert re.search(r"AlarmHigh-\S+ in state ALARM triggered policy requests", output)
    cold, warm = map(float, re.search(r"first answer took (\d+) ms, its second (\d+) ms", output).groups())
    assert warm < cold


@pytest.mark.slow
def test_multi_model_endpoint(server):
    """Ten models of handwritten digits behind one endpoint, and an eleventh that comes later."""
    output = run(server, sys.executable, EXAMPLES / "multi_model_endpoint.py")
    assert int(re.search(r"ten models read (\d+)% of 397 images right", output)[1]) >= 90
    assert re.search(r"first answer takes \d+ ms, later ones \d+ ms", output)
    assert int(re.search(r"an eleventh model tells even digits, (\d+)% right", output)[1]) >= 80


@pytest.mark.slow
def test_pipeline(server):
    """Two models are good enough for their judges; an impossible limit ends the pipeline, on a cached training."""
    output = run(server, sys.executable, EXAMPLES / "pipeline.py")
    assert output.startswith("as it is: Succeeded")
    assert re.search(r"^\{'Limit': '0.001'\}: Failed. log loss 0\.\d+ is over 0.001$", output, re.MULTILINE)
    assert "Train: Succeeded after 0.0 s, from the cache" in output
    losses = [float(loss) for loss in re.findall(r"^version \d: log loss (\S+)$", output, re.MULTILINE)]
    assert len(losses) == 2 and max(losses) < 0.1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_processing(server):
    """A script in the scikit-learn image fills and splits a raw table, and what it left trains a good model."""
    output = run(server, sys.executable, EXAMPLES / "processing.py", timeout=500)
    assert "865 blank cells filled, 426 rows to learn from, 143 to test with" in output
    assert float(re.search(r"test rows: accuracy (\S+)", output)[1]) > 0.94


@pytest.mark.slow
def test_conveyor_belts(server):
    output = run(server, sys.executable, EXAMPLES / "conveyor_belts.py")
    assert output.splitlines() == [
        "building 1: 1000 measurements, too hot: none",
        "building 2: 1000 measurements, too hot: [7]",
        "building 3: 1000 measurements, too hot: none",
    ]
