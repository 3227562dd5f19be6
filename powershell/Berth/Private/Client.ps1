# SPDX-License-Identifier: LGPL-2.1-or-later
# HTTP to one berth-api. What .NET calls back while it connects runs on its own threads, where no script can run:
# these callbacks are compiled expressions.

using namespace System.Linq.Expressions
using namespace System.Net.Http
using namespace System.Net.Security
using namespace System.Net.Sockets
using namespace System.Security.Cryptography
using namespace System.Security.Cryptography.X509Certificates

$script:RequestTimeoutSeconds = 60
$script:ConnectTimeoutSeconds = 10

# (sender, certificate, chain, errors) => certificate != null && its SHA-256 is 'Hex'
function New-BerthCertificateCheck {
    param([string] $Hex)
    $sender = [Expression]::Parameter([object], 'sender')
    $certificate = [Expression]::Parameter([X509Certificate], 'certificate')
    $chain = [Expression]::Parameter([X509Chain], 'chain')
    $errors = [Expression]::Parameter([SslPolicyErrors], 'errors')
    $is = [Expression]::Call($certificate,
        [X509Certificate].GetMethod('GetCertHashString', [type[]] @([HashAlgorithmName])),
        [Expression[]] @([Expression]::Constant([HashAlgorithmName]::SHA256)))
    $same = [Expression]::Call(
        [string].GetMethod('Equals', [type[]] @([string], [string], [System.StringComparison])),
        [Expression[]] @($is, [Expression]::Constant($Hex),
            [Expression]::Constant([System.StringComparison]::OrdinalIgnoreCase)))
    $isThere = [Expression]::NotEqual($certificate, [Expression]::Constant($null, [X509Certificate]))
    [Expression]::Lambda([RemoteCertificateValidationCallback], [Expression]::AndAlso($isThere, $same),
        [ParameterExpression[]] @($sender, $certificate, $chain, $errors)).Compile()
}

# new Type(Arguments), as an expression. [Expression]::New() cannot be called by its name: the language reads it as ::new().
function New-BerthConstruction {
    param([type] $Type, [type[]] $Parameters, [Expression[]] $Arguments)
    $new = [Expression].GetMethod('New', [type[]] @([System.Reflection.ConstructorInfo], [Expression[]]))
    $new.Invoke($null, [object[]] @($Type.GetConstructor($Parameters), $Arguments))
}

# (context, cancellation) => a stream of a socket that is connected to 'Path'
function New-BerthSocketConnector {
    param([string] $Path)
    $context = [Expression]::Parameter([SocketsHttpConnectionContext], 'context')
    $cancellation = [Expression]::Parameter([System.Threading.CancellationToken], 'cancellation')
    $socket = [Expression]::Variable([Socket], 'socket')
    $make = New-BerthConstruction ([Socket]) @([AddressFamily], [SocketType], [ProtocolType]) @(
        [Expression]::Constant([AddressFamily]::Unix), [Expression]::Constant([SocketType]::Stream),
        [Expression]::Constant([ProtocolType]::Unspecified))
    $end = [Expression]::Constant([UnixDomainSocketEndPoint]::new($Path), [System.Net.EndPoint])
    $connect = [Expression]::Call($socket, [Socket].GetMethod('Connect', [type[]] @([System.Net.EndPoint])),
        [Expression[]] @($end))
    $stream = New-BerthConstruction ([NetworkStream]) @([Socket], [bool]) @($socket, [Expression]::Constant($true))
    $result = New-BerthConstruction ([System.Threading.Tasks.ValueTask[System.IO.Stream]]) @([System.IO.Stream]) @(
        [Expression]::Convert($stream, [System.IO.Stream]))
    $body = [Expression]::Block([ParameterExpression[]] @($socket),
        [Expression[]] @([Expression]::Assign($socket, $make), $connect, $result))
    $type = [System.Func[SocketsHttpConnectionContext, System.Threading.CancellationToken,
        System.Threading.Tasks.ValueTask[System.IO.Stream]]]
    [Expression]::Lambda($type, $body, [ParameterExpression[]] @($context, $cancellation)).Compile()
}

# "ab:CD:..." and "abcd..." are the same; $null for what is no SHA-256.
function ConvertTo-BerthFingerprint {
    param([string] $Text)
    $hex = ($Text -replace '^(?i)sha-?256[:=]\s*', '') -replace '[:\s]', ''
    if ($hex -match '^[0-9a-fA-F]{64}$') { $hex.ToUpperInvariant() } else { $null }
}

# The chain must end at one of the certificates of the PEM file; nothing else is trusted. The name is checked by .NET.
function New-BerthChainPolicy {
    param([string] $Path)
    $policy = [X509ChainPolicy]::new()
    $policy.TrustMode = 'CustomRootTrust'
    $policy.RevocationMode = 'NoCheck'
    $policy.CustomTrustStore.ImportFromPemFile($Path)
    if ($policy.CustomTrustStore.Count -eq 0) {
        throw "$Path holds no certificate in PEM format"
    }
    $policy
}

function New-BerthHttpClient {
    param([uri] $Uri, [string] $SocketPath, [string] $Fingerprint, [string] $CertificateAuthority)
    $handler = [SocketsHttpHandler]::new()
    $handler.UseProxy = $false
    $handler.AllowAutoRedirect = $false
    $handler.ConnectTimeout = [timespan]::FromSeconds($script:ConnectTimeoutSeconds)
    $handler.PooledConnectionIdleTimeout = [timespan]::FromSeconds(30)
    if ($SocketPath) {
        $handler.ConnectCallback = New-BerthSocketConnector $SocketPath
    } else {
        $handler.SslOptions.EnabledSslProtocols = 'Tls12, Tls13'
        if ($Fingerprint) {
            $handler.SslOptions.RemoteCertificateValidationCallback = New-BerthCertificateCheck $Fingerprint
        } elseif ($CertificateAuthority) {
            $handler.SslOptions.CertificateChainPolicy = New-BerthChainPolicy $CertificateAuthority
        }
    }
    $client = [HttpClient]::new($handler, $true)
    $client.BaseAddress = if ($SocketPath) { [uri] 'http://berth/' } else { $Uri }
    $client.Timeout = [System.Threading.Timeout]::InfiniteTimeSpan
    $client
}

# Waits for a task in a way that Ctrl-C interrupts; throws what it threw.
function Wait-BerthTask {
    param($Task)
    while (-not $Task.AsyncWaitHandle.WaitOne(100)) { }
    $Task.GetAwaiter().GetResult()
}

function New-BerthRequest {
    param($Connection, [string] $Method, [string] $Path, $Body, [string] $Key)
    $request = [HttpRequestMessage]::new([HttpMethod]::new($Method), $Path)
    if ($Connection.Token) {
        $request.Headers.Authorization = [Headers.AuthenticationHeaderValue]::new('Bearer', $Connection.Token)
    }
    if ($Connection.Csrf -and $Method -ne 'GET') {
        [void] $request.Headers.TryAddWithoutValidation('X-CSRF-Token', $Connection.Csrf)
    }
    if ($Key) {
        [void] $request.Headers.TryAddWithoutValidation('Idempotency-Key', $Key)
    }
    if ($null -ne $Body) {
        $json = ConvertTo-Json $Body -Depth 20 -Compress
        $request.Content = [StringContent]::new($json, [System.Text.Encoding]::UTF8, 'application/json')
    }
    $request
}

# Why no answer came, as an error record.
function New-BerthConnectionError {
    param($Connection, [System.Exception] $Exception)
    $inner = $Exception
    while ($inner.InnerException) {
        $inner = $inner.InnerException
    }
    $all = for ($each = $Exception; $each; $each = $each.InnerException) { $each }
    if ($all | Where-Object { $_ -is [System.Security.Authentication.AuthenticationException] }) {
        $why = if ($Connection.Fingerprint) {
            'its certificate does not have the fingerprint that was given'
        } else {
            "its certificate is not trusted ($($inner.Message))"
        }
        return New-BerthError 'BerthCertificate' "Nothing was sent to $($Connection.Address): $why." 'SecurityError' `
            $Connection.Address ('Compare -Fingerprint with the SHA-256 in the journal of berth-api (journalctl -u berth-api), ' +
            'or give the certificate of its authority with -CertificateAuthority.')
    }
    $why = if ($Exception -is [System.OperationCanceledException]) {
        "no answer within $($script:RequestTimeoutSeconds) s"
    } else {
        $inner.Message
    }
    New-BerthError 'BerthUnreachable' "berth-api at $($Connection.Address) does not answer: $why" 'ConnectionError' `
        $Connection.Address 'Check the address, and that berth-api runs there: systemctl status berth-api'
}

# One request; {Status, Text}. Throws an error record if there is no answer.
function Send-BerthRequest {
    param($Connection, [HttpRequestMessage] $Request)
    $limit = [System.Threading.CancellationTokenSource]::new([timespan]::FromSeconds($script:RequestTimeoutSeconds))
    try {
        $reply = Wait-BerthTask $Connection.Http.SendAsync($Request, $limit.Token)
        $text = Wait-BerthTask $reply.Content.ReadAsStringAsync($limit.Token)
        @{ Status = [int] $reply.StatusCode; Text = $text }
    } catch [System.Management.Automation.MethodInvocationException] {
        throw (New-BerthConnectionError $Connection $_.Exception.InnerException)
    } finally {
        $limit.Cancel()
        $Request.Dispose()
    }
}

# Logs in with the credential that the connection was made with.
function Open-BerthLogin {
    param($Connection)
    $user = $Connection.Credential.GetNetworkCredential()
    $Connection.Csrf = $null
    $request = New-BerthRequest $Connection POST v1/session @{ user = $Connection.Credential.UserName; password = $user.Password }
    $reply = Send-BerthRequest $Connection $request
    if ($reply.Status -ge 300) {
        throw (ConvertTo-BerthError $reply.Status $reply.Text $Connection.Credential.UserName)
    }
    $Connection.Csrf = ($reply.Text | ConvertFrom-Json).csrf
}

<#
 Asks, and returns the answer as an object; throws an error record. A change bears a key of its own, so that one whose
 answer was lost can be asked for again without being done twice.
#>
function Invoke-BerthRest {
    param($Connection, [string] $Method, [string] $Path, $Body, $Target)
    $key = if ($Method -ne 'GET' -and $Path -ne 'v1/plan' -and $Path -ne 'v1/session') { [guid]::NewGuid().ToString('N') }
    for ($try = 1; ; $try++) {
        try {
            $reply = Send-BerthRequest $Connection (New-BerthRequest $Connection $Method $Path $Body $key)
        } catch {
            if ($try -lt 3 -and $_.FullyQualifiedErrorId -like 'BerthUnreachable*' -and $Connection.IsProven) {
                Start-Sleep -Milliseconds 500
                continue
            }
            throw
        }
        $Connection.IsProven = $true
        if ($reply.Status -eq 401 -and $Connection.Credential -and $try -eq 1) { # the session was idle for too long
            Open-BerthLogin $Connection
            continue
        }
        if ($reply.Status -ge 300) {
            throw (ConvertTo-BerthError $reply.Status $reply.Text $Target)
        }
        return $reply.Text | ConvertFrom-Json
    }
}

# The objects of a list.
function Get-BerthItem {
    param($Connection, [string] $Path)
    (Invoke-BerthRest $Connection GET $Path).items
}

# 'v1/vms/{0}/start' with names in it as paths want them.
function Format-BerthPath {
    param([string] $Format, [string[]] $Names)
    $Format -f @($Names | ForEach-Object { [uri]::EscapeDataString($_) })
}
