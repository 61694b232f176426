#!/bin/sh
# Trains two of the shipped networks on drawn scenes: sh configs/catdog-scenes.sh SEED FOLDER
# First the trunk, under a hidden layer and with label smoothing (catdog-scenes-mlp); its last step is repeated until the
# certificate holds, at most three times. Then a linear head on the means of its channels (catdog-scenes).
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
		cambench train --config configs/catdog-scenes-head.toml --seed "$seed" \
			--weights "$out/step-$round.safetensors" --out "$out/head.safetensors"
		cambench certify --weights "$out/head.safetensors"
		echo "$out/head.safetensors is certified"
		exit 0
	fi
done
echo "seed $seed was not certified after three rounds" >&2
exit 1
