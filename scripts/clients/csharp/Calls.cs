using System.Runtime.CompilerServices;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;

namespace Ordermesh;

/// <summary>A rule that a field of the request violates.</summary>
public sealed record Violation(string Field, string Description);

/// <summary>What ordermesh sends with an error.</summary>
/// <param name="Code">The code of the error.</param>
/// <param name="Text">For people.</param>
/// <param name="Reason">
/// Stable, for example USER_NOT_FOUND. Empty if the error is not from ordermesh but, for example, from a proxy.
/// </param>
/// <param name="Metadata">The facts of the reason, such as the id of the user.</param>
/// <param name="Violations">An entry for each invalid field of the request.</param>
/// <param name="RetryAfter">The time to wait before the next attempt. Null: the server named none.</param>
public sealed record Details(
    StatusCode Code,
    string Text,
    string Reason,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<Violation> Violations,
    TimeSpan? RetryAfter);

/// <summary>
/// Reads the details of errors and resumes listings. It depends on no generated code: use it or copy it.
/// </summary>
public static class Calls
{
    private const int MaxAttempts = 5;
    private const double FirstDelayMs = 100;
    private const double MaxDelayMs = 2_000;

    /// <summary>Returns the details of an error that a call threw.</summary>
    public static Details DetailsOf(RpcException error)
    {
        var reason = "";
        var metadata = new Dictionary<string, string>();
        var violations = new List<Violation>();
        TimeSpan? retryAfter = null;
        foreach (var detail in Sent(error).Details)
        {
            if (detail.TryUnpack<ErrorInfo>(out var info))
            {
                reason = info.Reason;
                metadata = new Dictionary<string, string>(info.Metadata);
            }
            else if (detail.TryUnpack<BadRequest>(out var bad))
            {
                violations.AddRange(bad.FieldViolations.Select(v => new Violation(v.Field, v.Description)));
            }
            else if (detail.TryUnpack<RetryInfo>(out var retry))
            {
                retryAfter = retry.RetryDelay?.ToTimeSpan();
            }
        }
        return new Details(error.StatusCode, error.Status.Detail, reason, metadata, violations, retryAfter);
    }

    /// <summary>
    /// Yields all resources of a listing. If the stream is cut, it opens the listing again after the last resource
    /// received, and gives up after five attempts in a row that yielded none.
    /// </summary>
    /// <example><code>
    /// await foreach (var user in Calls.ResumeListing(
    ///     (after, token) => users.ListUsers(new ListUsersRequest { AfterId = after }, cancellationToken: token),
    ///     user => user.Id))
    /// </code></example>
    public static async IAsyncEnumerable<T> ResumeListing<T>(
        Func<string, CancellationToken, AsyncServerStreamingCall<T>> openAfter,
        Func<T, string> idOf,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var after = "";
        var attempts = 0;
        while (true)
        {
            TimeSpan delay;
            // Disposing of the call ends the stream if the caller leaves the loop.
            using (var call = openAfter(after, cancellation))
            {
                while (true)
                {
                    try
                    {
                        if (!await call.ResponseStream.MoveNext(cancellation).ConfigureAwait(false))
                        {
                            yield break;
                        }
                    }
                    catch (RpcException error) when (++attempts < MaxAttempts && MayResume(DetailsOf(error)))
                    {
                        delay = DelayAfter(attempts, DetailsOf(error));
                        break;
                    }
                    var resource = call.ResponseStream.Current;
                    after = idOf(resource);
                    attempts = 0;
                    yield return resource;
                }
            }
            await Task.Delay(delay, cancellation).ConfigureAwait(false);
        }
    }

    private static Google.Rpc.Status Sent(RpcException error)
    {
        var bytes = error.Trailers.GetValueBytes("grpc-status-details-bin");
        try
        {
            return bytes is null ? new Google.Rpc.Status() : Google.Rpc.Status.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            // Details that cannot be read are no reason to hide the error.
            return new Google.Rpc.Status();
        }
    }

    private static bool MayResume(Details details) =>
        details.Code is StatusCode.Unavailable or StatusCode.Internal || details.RetryAfter is not null;

    private static TimeSpan DelayAfter(int attempts, Details details)
    {
        var backoffMs = Math.Min(FirstDelayMs * Math.Pow(2, attempts - 1), MaxDelayMs);
        return details.RetryAfter ?? TimeSpan.FromMilliseconds(backoffMs * (0.5 + Random.Shared.NextDouble() / 2));
    }
}
