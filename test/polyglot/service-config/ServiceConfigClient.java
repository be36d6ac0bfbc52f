import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Calls methods with grpc-java under service configs. Arguments: host:port, then for each channel the file of its config
 * and its calls, such as `unary:/user.v1.UserService/GetUser` or `upload:/user.v1.UserService/ImportUsers`. Writes one line
 * of JSON per call.
 */
final class ServiceConfigClient {
  private static final Gson GSON = new Gson();

  private static final MethodDescriptor.Marshaller<byte[]> BYTES =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] message) {
          return new ByteArrayInputStream(message);
        }

        @Override
        public byte[] parse(InputStream stream) {
          return new byte[0];
        }
      };

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = null;
    for (int index = 1; index < arguments.length; index++) {
      if (arguments[index].endsWith(".json")) {
        channel = connect(arguments[0], Files.readString(Path.of(arguments[index])));
      } else {
        String[] call = arguments[index].split(":/", 2);
        System.out.println(GSON.toJson(call(channel, call[0], call[1])));
      }
    }
    System.exit(0);
  }

  private static ManagedChannel connect(String address, String config) {
    Map<String, ?> parsed = GSON.fromJson(config, new TypeToken<Map<String, ?>>() {});
    return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
        .defaultServiceConfig(parsed)
        .disableServiceConfigLookUp()
        .build();
  }

  private static Map<String, String> call(ManagedChannel channel, String kind, String method) {
    boolean isUnary = kind.equals("unary");
    MethodDescriptor<byte[], byte[]> descriptor =
        MethodDescriptor.newBuilder(BYTES, BYTES)
            .setType(isUnary ? MethodDescriptor.MethodType.UNARY : MethodDescriptor.MethodType.CLIENT_STREAMING)
            .setFullMethodName(method)
            .build();
    try {
      // With one request, an upload is the same on the wire as a unary call.
      ClientCalls.blockingUnaryCall(channel, descriptor, CallOptions.DEFAULT, new byte[0]);
      return Map.of("code", "OK", "text", "");
    } catch (StatusRuntimeException error) {
      return Map.of("code", error.getStatus().getCode().name(), "text", String.valueOf(error.getStatus().getDescription()));
    }
  }
}
