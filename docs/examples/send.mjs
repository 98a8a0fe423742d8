// Send an event from Node.js as the message that Celery would send: `node send.mjs` with BROKER_URL set (Redis).
import { randomUUID } from "node:crypto";
import Redis from "ioredis";

const QUEUE = "celery";

function celeryMessage(task, args) {
  const id = randomUUID();
  const body = JSON.stringify([args, {}, {}]); // positional arguments, keyword arguments, what Celery embeds
  return JSON.stringify({
    body: Buffer.from(body, "utf8").toString("base64"),
    "content-type": "application/json",
    "content-encoding": "utf-8",
    headers: { lang: "js", task, id, root_id: id, parent_id: null, group: null },
    properties: {
      correlation_id: id,
      delivery_mode: 2,
      delivery_info: { exchange: QUEUE, routing_key: QUEUE },
      priority: 0,
      body_encoding: "base64",
      delivery_tag: randomUUID(),
    },
  });
}

const event = {
  event_id: randomUUID(),
  audio_id: randomUUID(),
  occurred_at: new Date().toISOString(),
  audio_path: "https://cdn.example.com/possibly-maybe.ogg",
  metadata: { artist: "Björk", title: "Possibly Maybe", album: "Post", year: "1995", duration: 306.5 },
};

const redis = new Redis(process.env.BROKER_URL);
await redis.lpush(QUEUE, celeryMessage("audio.processed", [event]));
await redis.quit();
console.log(event.audio_id);
