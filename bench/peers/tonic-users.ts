// The server in bench/peers/tonic.
import { becomeProgram } from '../support/engines/built-peers.ts';

becomeProgram('tonic-users');
