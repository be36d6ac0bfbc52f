import type { ActionServiceHandlers } from '#gen/ops/v1/action.contract.ts';
import type { ViewOf } from './mesh-view.ts';

/** Implements `ops.v1.ActionService`. */
export function createActionRpc(viewOf: ViewOf): ActionServiceHandlers {
  return {
    async *listOperatorActions(request, call) {
      const list = viewOf(call).list(request, (part, afterId) => part.listActions({ ...request, afterId }, call));
      for await (const { element } of list) yield element;
    },
  };
}
