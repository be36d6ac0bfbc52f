import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { createAdmission } from './admission.ts';

describe('admission', () => {
  it('takes calls until it is closed, then tells callers to go elsewhere', () => {
    const admission = createAdmission();
    expect(() => admission.check()).not.toThrow();
    admission.close();
    expect(() => admission.check()).toThrow(
      expect.objectContaining({ code: Status.UNAVAILABLE, reason: 'SERVER_DRAINING' }),
    );
  });
});
