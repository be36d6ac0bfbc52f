import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.Base64;
import java.util.concurrent.TimeUnit;

/**
 * Makes unary calls with grpc-java. Arguments: host:port, paths of methods. Writes one line per call: the code, the text in
 * base64 and the details in base64, separated by commas.
 */
final class ErrorClient {
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

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

  public static void main(String[] arguments) {
    ManagedChannel channel = Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    for (int index = 1; index < arguments.length; index++) {
      System.out.println(call(channel, arguments[index].substring(1)));
    }
    channel.shutdownNow();
  }

  private static String call(ManagedChannel channel, String method) {
    MethodDescriptor<byte[], byte[]> descriptor =
        MethodDescriptor.newBuilder(BYTES, BYTES)
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(method)
            .build();
    try {
      CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
      ClientCalls.blockingUnaryCall(channel, descriptor, options, new byte[0]);
      return "OK,,";
    } catch (StatusRuntimeException error) {
      Status status = error.getStatus();
      byte[] details = error.getTrailers() == null ? null : error.getTrailers().get(DETAILS);
      return status.getCode() + "," + base64(String.valueOf(status.getDescription()).getBytes(java.nio.charset.StandardCharsets.UTF_8)) + "," + base64(details);
    }
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? "" : Base64.getEncoder().encodeToString(bytes);
  }
}
