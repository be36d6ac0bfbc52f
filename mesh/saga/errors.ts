import { Status } from 'nice-grpc-common';
import { defineError, defineReason } from '../errors/define-error.ts';

export const unknownSaga = defineError({
  reason: 'UNKNOWN_SAGA',
  code: Status.NOT_FOUND,
  means: 'no saga has this id, or the order has none',
  fix: 'find it with ListSagas',
  text: ({ id }: { readonly id: string }) => `saga "${id}" not found: find it with ListSagas`,
});

export const sagaNotParked = defineError({
  reason: 'SAGA_NOT_PARKED',
  code: Status.FAILED_PRECONDITION,
  means: 'the saga does not need attention',
  fix: 'check its state with GetSaga: it is running or has ended',
  text: ({ id, state }: { readonly id: string; readonly state: string }) =>
    `saga ${id} is ${state} and does not need attention: there is nothing to resume`,
  metadata: () => ({}),
});

export const stepNotStuck = defineError({
  reason: 'STEP_NOT_STUCK',
  code: Status.FAILED_PRECONDITION,
  means: 'the saga stopped at another step, or that step was not being undone',
  fix: 'name the step that GetSaga shows as STUCK, or skip it',
  text: ({ id, step, stuck }: { readonly id: string; readonly step: string; readonly stuck: string | undefined }) =>
    `step ${step} is not where saga ${id} stopped: name ${stuck}, which is`,
  metadata: () => ({}),
});

export const stepNotBeingUndone = stepNotStuck.variant({
  text: ({ step }: { readonly step: string }) => `step ${step} was not being undone: skip it instead`,
  metadata: () => ({}),
});

export const sagaNotDefined = defineError({
  reason: 'SAGA_NOT_DEFINED',
  code: Status.FAILED_PRECONDITION,
  means: "this process does not know the saga's definition",
  fix: 'ask a process that runs that version of the code',
  text: ({ id, name, version }: { readonly id: string; readonly name: string; readonly version: number }) =>
    `saga ${id} is a ${name} v${version}, which this process does not define: ask a process that does`,
  metadata: () => ({}),
});

export const sagaDefinitionChanged = defineError({
  reason: 'SAGA_DEFINITION_CHANGED',
  code: Status.FAILED_PRECONDITION,
  means:
    'the steps of a saga definition, or how it makes request ids, changed without a new version while sagas were unfinished; also returned when such a saga is changed',
  fix: 'restore the definition, and give what is new a new version next to it (CONTRIBUTING, "Change a saga")',
  text: (change: {
    readonly saga: string;
    readonly version: number;
    readonly stored: string;
    readonly defined: string;
  }) =>
    `unfinished sagas ${change.saga} v${change.version} began with the steps [${change.stored}], but ` +
    `v${change.version} now has [${change.defined}]: restore v${change.version}, and give the new steps a new version next to it`,
});

export const sagaRequestIdsChanged = sagaDefinitionChanged.variant({
  text: (change: {
    readonly saga: string;
    readonly version: number;
    readonly stored: string;
    readonly defined: string;
  }) =>
    `unfinished sagas ${change.saga} v${change.version} began with request ids that are ${change.stored}, but ` +
    `v${change.version} now has ${change.defined}: restore v${change.version}, and change it in a new version next to it`,
});

export const sagaNeedsResolve = defineError({
  reason: 'SAGA_NEEDS_RESOLVE',
  code: Status.FAILED_PRECONDITION,
  means: 'a saga cannot be discarded',
  fix: 'report with ResolveSaga how its stuck step ended',
  text: ({ sagaId }: { readonly sagaId: string }) =>
    `saga ${sagaId} cannot be discarded: report with ops.v1.SagaService/ResolveSaga how its stuck step ended`,
});

export const stepTimedOut = defineError({
  reason: 'STEP_TIMED_OUT',
  code: Status.DEADLINE_EXCEEDED,
  means: 'a step of a saga did not answer in time',
  fix: 'nothing: it is retried',
  seenIn: 'logs',
  text: ({ step, timeoutMs }: { readonly step: string; readonly timeoutMs: number }) =>
    `step ${step} did not answer within ${timeoutMs} ms; it is retried`,
  metadata: () => ({}),
});

export const sagaTimedOut = defineReason({
  reason: 'SAGA_TIMED_OUT',
  means: 'the order was not complete after ten minutes in which it could be worked on',
  fix: "check the saga's last error; place another order",
  seenIn: 'orders',
});

export const stepRefused = defineReason({
  reason: 'STEP_REFUSED',
  means: 'a step was refused after the point from which the saga can only complete',
  fix: 'RetrySaga or ResolveSaga',
  seenIn: 'dead letters',
});

export const undoRefused = defineReason({
  reason: 'UNDO_REFUSED',
  means: 'a step could not be undone',
  fix: 'undo it by hand and call ResolveSaga, or RetrySaga',
  seenIn: 'dead letters',
});
