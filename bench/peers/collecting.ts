// For `--import`: any program of the mesh then collects garbage on SIGUSR2.
import { collectOnSignal } from './collect-garbage.ts';

collectOnSignal();
