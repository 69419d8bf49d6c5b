// A plugin behind HTTP. Without a script it answers with what it was asked: method and arguments.
import { FakeService, json } from './fake-service.ts';

export class FakePluginServer extends FakeService {
  static async start(): Promise<FakePluginServer> {
    return new FakePluginServer(({ body }) =>
      json({ result: { method: body['method'], args: body['args'] } }),
    ).listen();
  }

  get url(): string {
    return `${this.origin}/plugin`;
  }
}
