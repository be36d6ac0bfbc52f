import {
  type DeadLetterFilter as DeadLetterFilterMessage,
  type DeadLetter as DeadLetterMessage,
  type Saga as SagaMessage,
  SagaState as SagaStateMessage,
  type SagaStep as SagaStepMessage,
  SagaStepState as SagaStepStateMessage,
  DeadLetterSource as SourceMessage,
} from '#gen/ops/v1/ops.ts';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterSource,
  SagaState,
  SagaStepState,
  SagaStepView,
  SagaView,
} from '#mesh';

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

const sources = {
  event: SourceMessage.DEAD_LETTER_SOURCE_EVENT,
  task: SourceMessage.DEAD_LETTER_SOURCE_TASK,
  saga: SourceMessage.DEAD_LETTER_SOURCE_SAGA,
} as const satisfies Record<DeadLetterSource, SourceMessage>;

/** The state that a filter names; `undefined` for any. */
export function sagaStateFromProto(state: SagaStateMessage): SagaState | undefined {
  return keyOf(sagaStates, state);
}

/** The saga as operators see it. */
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

/** The dead letter as operators see it. */
export function deadLetterToProto(letter: DeadLetter): DeadLetterMessage {
  const { id, source, origin, reason, error, attempts, payload, headers, subjectId } = letter;
  return {
    id,
    source: sources[source],
    origin,
    reason,
    error,
    attempts,
    payload,
    headers: { ...headers },
    subjectId,
    firstTime: new Date(letter.firstTimeMs),
    lastTime: new Date(letter.lastTimeMs),
  };
}

/** What a filter asks for, without what it leaves open. */
export function filterFromProto({ source, origin, reason }: DeadLetterFilterMessage): DeadLetterFilter {
  const known = keyOf(sources, source);
  return { ...(known && { source: known }), ...(origin && { origin }), ...(reason && { reason }) };
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

function keyOf<Key extends string>(numbers: Readonly<Record<Key, number>>, number: number): Key | undefined {
  for (const key in numbers) if (numbers[key] === number) return key;
  return undefined;
}
