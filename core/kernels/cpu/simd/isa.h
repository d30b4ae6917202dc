// SPDX-License-Identifier: Apache-2.0
// Sources in this folder are compiled once for every instruction set, each time into a namespace of its own
// (TESSERA_ISA: baseline, avx2, avx512), and chosen at run time. They include as little as they can and define everything
// else in unnamed namespaces, so that no function compiled for a newer processor is shared with the rest of the program.
#pragma once

#include "core/kernels/cpu/simd/tables.h"

#define TESSERA_ISA_BEGIN namespace tessera::cpu::TESSERA_ISA {
#define TESSERA_ISA_END }

TESSERA_DECLARE_ISA(TESSERA_ISA)

TESSERA_ISA_BEGIN

/// Members of tables that are made elsewhere.
void element_loss_forward(ElementLoss, const ElementLossForward&);
void element_loss_backward(ElementLoss, const ElementLossBackward&);
void layer_norm_forward(const LayerNormForward&);
void layer_norm_backward(const LayerNormBackward&);
void rms_norm_forward(const RmsNormForward&);
void rms_norm_backward(const RmsNormBackward&);
void group_norm_forward(const GroupNormForward&);
void group_norm_backward(const GroupNormBackward&);
void response_norm_forward(const ResponseNormForward&);
void response_norm_backward(const ResponseNormBackward&);
int64_t attention_backward_scratch(const AttentionGeometry&);
void attention_backward(const AttentionBackward&);

TESSERA_ISA_END
