#!/bin/sh
# Trains the shipped network of photographs: sh configs/catdog-photos.sh PHOTOGRAPHS WEIGHTS FOLDER
# PHOTOGRAPHS has train/ and val/ with cat/ and dog/ in each; WEIGHTS is EfficientNet-Lite0 of ImageNet. Three seeds.
set -eu
photographs=$1 weights=$2 out=$3
mkdir -p "$out"
for seed in 0 1 2; do
	cambench train --config configs/catdog-photos.toml --data-root "$photographs" --weights "$weights" \
		--seed "$seed" --out "$out/catdog-photos-$seed.safetensors"
done
