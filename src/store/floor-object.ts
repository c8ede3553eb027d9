/**
 * The keeper of the floor at Cloudflare: a Durable Object, one for each collection.
 *
 * It holds three numbers and lets them rise, nothing else: whatever an isolate says, the floor never
 * comes down. How far it can be raised is bounded where heads are read: only proved ones are told of.
 */

import { DurableObject } from 'cloudflare:workers';
import { type Floor, type FloorKeeper, floorFrom, higherOf, NO_FLOOR } from './floor.ts';

const FLOOR = 'floor';

export class FloorObject extends DurableObject implements FloorKeeper {
  /** What is no floor changes nothing. */
  async raise(floor: Floor): Promise<Floor> {
    const given = floorFrom(floor) ?? NO_FLOOR;
    const { storage } = this.ctx;
    const before = floorFrom(await storage.get(FLOOR)) ?? NO_FLOOR;
    const after = higherOf(before, given);
    // Between read and write nobody else comes in: input gates hold other calls back.
    if (!isSame(before, after)) await storage.put(FLOOR, after);
    return after;
  }
}

const isSame = (a: Floor, b: Floor) =>
  a.sequence === b.sequence && a.permittedAt === b.permittedAt && a.overlayAsOf === b.overlayAsOf;
