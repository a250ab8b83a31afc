#!/bin/sh
# The AWS CLI: buckets and files, a training job, an endpoint. First: eval "$(clary env)"; it needs `aws` on the PATH.
set -eu
name="cli-$(date +%s)"
image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# y = 1 where x1 > x2
awk 'BEGIN { srand(1); for (i = 0; i < 500; i++) { a = rand(); b = rand(); printf "%d,%f,%f\n", (a > b), a, b } }' \
    > "$folder/train.csv"

aws s3 mb "s3://$name"
aws s3 cp "$folder/train.csv" "s3://$name/train/train.csv"
aws s3 ls "s3://$name/train/"

aws sagemaker create-training-job \
    --training-job-name "$name" \
    --role-arn "$SAGEMAKER_ROLE_ARN" \
    --algorithm-specification "TrainingImage=$image,TrainingInputMode=File" \
    --hyper-parameters objective=binary:logistic,num_round=30 \
    --input-data-config "[{\"ChannelName\": \"train\", \"ContentType\": \"text/csv\", \"DataSource\": {\"S3DataSource\":
        {\"S3DataType\": \"S3Prefix\", \"S3Uri\": \"s3://$name/train/\"}}}]" \
    --output-data-config "S3OutputPath=s3://$name/output" \
    --resource-config InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=10 \
    --stopping-condition MaxRuntimeInSeconds=600

status=InProgress
while [ "$status" = InProgress ]; do
    sleep 1
    status=$(aws sagemaker describe-training-job --training-job-name "$name" --query TrainingJobStatus --output text)
done
echo "training job: $status"

artefact="s3://$name/output/$name/output/model.tar.gz"
aws sagemaker create-model --model-name "$name" --execution-role-arn "$SAGEMAKER_ROLE_ARN" \
    --primary-container "Image=$image,ModelDataUrl=$artefact"
aws sagemaker create-endpoint-config --endpoint-config-name "$name" --production-variants \
    "VariantName=AllTraffic,ModelName=$name,InstanceType=ml.m5.large,InitialInstanceCount=1"
aws sagemaker create-endpoint --endpoint-name "$name" --endpoint-config-name "$name"
until [ "$(aws sagemaker describe-endpoint --endpoint-name "$name" --query EndpointStatus --output text)" = InService ]; do
    sleep 1
done
printf '0.9,0.1\n0.1,0.9\n' > "$folder/rows.csv"
aws sagemaker-runtime invoke-endpoint --endpoint-name "$name" --content-type text/csv \
    --body "fileb://$folder/rows.csv" "$folder/scores.csv"
echo "scores: $(tr '\n' ' ' < "$folder/scores.csv")"
aws sagemaker delete-endpoint --endpoint-name "$name"
aws s3 rb --force "s3://$name"
