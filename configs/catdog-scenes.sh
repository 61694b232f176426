#!/bin/sh
# Trains one of the shipped networks on drawn scenes: sh configs/catdog-scenes.sh SEED FOLDER
# Three steps; the last is repeated until the certificate holds, at most three times.
set -eu
seed=$1 out=$2
mkdir -p "$out"
cambench train --config configs/catdog-scenes-base.toml --seed "$seed" --out "$out/base.safetensors"
cambench train --config configs/catdog-scenes.toml --seed "$seed" --epochs 3 \
	--weights "$out/base.safetensors" --out "$out/step-0.safetensors"
for round in 1 2 3; do
	cambench train --config configs/catdog-scenes.toml --seed "$seed" \
		--weights "$out/step-$((round - 1)).safetensors" --out "$out/step-$round.safetensors"
	if cambench certify --weights "$out/step-$round.safetensors"; then
		echo "$out/step-$round.safetensors is certified"
		exit 0
	fi
done
echo "seed $seed was not certified after three rounds" >&2
exit 1
