import { defineReason } from '../errors/define-error.ts';

export const handlerFailed = defineReason({
  reason: 'HANDLER_FAILED',
  means: 'its handler failed with an unexpected error',
  fix: 'see its error; redrive it after the handler is fixed',
  seenIn: 'dead letters',
});
