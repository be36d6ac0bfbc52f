import {
  type Saga as SagaMessage,
  SagaState as SagaStateMessage,
  type SagaStep as SagaStepMessage,
  SagaStepState as SagaStepStateMessage,
} from '#gen/ops/v1/ops.ts';
import type { SagaState, SagaStepState, SagaStepView, SagaView } from '#mesh';

const sagaStates = {
  running: SagaStateMessage.SAGA_STATE_RUNNING,
  completed: SagaStateMessage.SAGA_STATE_COMPLETED,
  compensating: SagaStateMessage.SAGA_STATE_COMPENSATING,
  compensated: SagaStateMessage.SAGA_STATE_COMPENSATED,
  'needs-attention': SagaStateMessage.SAGA_STATE_NEEDS_ATTENTION,
} as const satisfies Record<SagaState, SagaStateMessage>;

const stepStates = {
  pending: SagaStepStateMessage.SAGA_STEP_STATE_PENDING,
  started: SagaStepStateMessage.SAGA_STEP_STATE_STARTED,
  done: SagaStepStateMessage.SAGA_STEP_STATE_DONE,
  refused: SagaStepStateMessage.SAGA_STEP_STATE_REFUSED,
  undoing: SagaStepStateMessage.SAGA_STEP_STATE_UNDOING,
  undone: SagaStepStateMessage.SAGA_STEP_STATE_UNDONE,
  stuck: SagaStepStateMessage.SAGA_STEP_STATE_STUCK,
} as const satisfies Record<SagaStepState, SagaStepStateMessage>;

/** Returns the state to filter by; `undefined` for any. */
export function sagaStateFromProto(state: SagaStateMessage): SagaState | undefined {
  return (Object.keys(sagaStates) as SagaState[]).find((name) => sagaStates[name] === state);
}

export function sagaStateToProto(state: SagaState): SagaStateMessage {
  return sagaStates[state];
}

export function sagaToProto(saga: SagaView): SagaMessage {
  return {
    id: saga.id,
    name: saga.name,
    definitionVersion: saga.definitionVersion,
    subjectId: saga.subjectId,
    state: sagaStates[saga.state],
    steps: saga.steps.map(stepToProto),
    failureReason: saga.failure?.reason ?? '',
    failureMessage: saga.failure?.message ?? '',
    createTime: new Date(saga.createTimeMs),
    updateTime: new Date(saga.updateTimeMs),
    nextAttemptTime: dateOf(saga.nextAttemptTimeMs),
    notes: [...saga.notes],
  };
}

function stepToProto(step: SagaStepView): SagaStepMessage {
  return {
    name: step.name,
    state: stepStates[step.state],
    attempts: step.attempts,
    startTime: dateOf(step.startTimeMs),
    endTime: dateOf(step.endTimeMs),
    lastError: step.lastError,
    undoAttempts: step.undoAttempts,
    undoStartTime: dateOf(step.undoStartTimeMs),
    undoEndTime: dateOf(step.undoEndTimeMs),
  };
}

function dateOf(timeMs: number | undefined): Date | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs);
}
