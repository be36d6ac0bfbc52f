import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { begin, closeAfterEach, getsLost, openTestStorage, reaches, startEngine } from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

const everythingOnce = ['step-done reserve', 'step-done charge', 'step-done ship', 'step-done commit', 'completed'];

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  describe('a commit whose acknowledgement is lost', () => {
    /** Loses the acknowledgement of the first commit after a call of `lose`. */
    function losingAnswers(storage: Storage) {
      let losing = false;
      const lose = async () => {
        losing = true;
      };
      const transaction: Storage['transaction'] = async (work, options) => {
        const result = await storage.transaction(work, options);
        if (!losing) return result;
        losing = false;
        throw new MeshError(Status.UNAVAILABLE, 'STORAGE_OUTCOME_UNKNOWN', 'the connection broke during the commit');
      };
      return { unreliable: { ...storage, transaction }, lose };
    }

    it.each(['reserve', 'ship', 'commit'])('is not repeated after %s', async (step) => {
      const saga = createTestSaga();
      const storage = await openTestStorage(newUrl());
      const { unreliable, lose } = losingAnswers(storage);
      const engine = await startEngine(unreliable, saga);
      saga.onCall(`run ${step}`, lose);
      await begin(storage, engine, saga);
      await reaches(engine, 'completed');
      expect(saga.progress).toEqual(everythingOnce);
    });

    it('does not make the engine forget a waiting saga', async () => {
      const saga = createTestSaga();
      const storage = await openTestStorage(newUrl());
      const { unreliable, lose } = losingAnswers(storage);
      const engine = await startEngine(unreliable, saga);
      saga.onCall('run charge', async (context) => {
        await lose();
        await getsLost(context);
      });
      await begin(storage, engine, saga);
      await reaches(engine, 'completed');
      expect(saga.progress).toEqual(everythingOnce);
    });
  });

  describe('an engine whose storage was unavailable', () => {
    it('continues with the outcome of a step', async () => {
      const storage = await openTestStorage(newUrl());
      const saga = createTestSaga();
      let failuresLeft = 0;
      const transaction: Storage['transaction'] = async (work, options) => {
        if (failuresLeft === 0) return storage.transaction(work, options);
        failuresLeft -= 1;
        throw new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the database is away');
      };
      const engine = await startEngine({ ...storage, transaction }, saga);
      saga.onCall('run charge', async () => {
        failuresLeft = 4;
      });
      await begin(storage, engine, saga);
      await reaches(engine, 'completed');
      expect(failuresLeft).toBe(0);
      expect(saga.calls).toEqual(['run reserve', 'run charge', 'run ship', 'run commit']);
      expect(saga.progress).toEqual(everythingOnce);
    });
  });
});
