/** Every proof, in the order of the path. */

import { badBodies } from './bad-bodies.ts';
import { bothDatabases } from './both-databases.ts';
import { byteFlip } from './byte-flip.ts';
import { centralKilled } from './central-killed.ts';
import { centralLoad } from './central-load.ts';
import { exhaustive } from './exhaustive.ts';
import { exportMutations } from './export-mutations.ts';
import { notifyLoss } from './notify-loss.ts';
import { metadataAttacks } from './metadata-attacks.ts';
import { operation2017 } from './operation-2017.ts';
import { retroMatch } from './retro-match.ts';
import type { Proof } from './proof.ts';
import { isolateMemory } from './isolate-memory.ts';
import { killPublish } from './kill-publish.ts';
import { replay } from './replay.ts';
import { reportToEdge } from './report-to-edge.ts';
import { sameBytes } from './same-bytes.ts';
import { scale } from './scale.ts';
import { rightsMatrix } from './rights-matrix.ts';
import { secondReader } from './second-reader.ts';

export const PROOFS: readonly Proof[] = [
  exportMutations,
  exhaustive,
  scale,
  sameBytes,
  secondReader,
  isolateMemory,
  byteFlip,
  badBodies,
  killPublish,
  metadataAttacks,
  replay,
  centralKilled,
  reportToEdge,
  bothDatabases,
  notifyLoss,
  rightsMatrix,
  centralLoad,
  operation2017,
  retroMatch,
];
