// The server in bench/peers/pajamax.
import { becomeProgram } from '../support/engines/built-peers.ts';

becomeProgram('pajamax-users');
