# SPDX-License-Identifier: LGPL-2.1-or-later
# How one connects: the socket, TLS that is checked before anything is sent, tokens, logins, several clusters at once.
param([Parameter(ValueFromRemainingArguments)] [string[]] $Words)
. $PSScriptRoot/lib/Tap.ps1
. $PSScriptRoot/lib/Stage.ps1

$stage = Start-Stage
Import-Module $script:Manifest -ErrorAction Stop
$pem = Join-Path $stage.directory 'ca.pem'
$login = $stage.logins | Where-Object role -eq administrator
$viewer = $stage.logins | Where-Object role -eq viewer

function ConvertTo-Credential {
    param($Login)
    [pscredential]::new($Login.user, (ConvertTo-SecureString $Login.password -AsPlainText -Force))
}

# The certificate that the server shows, by another way than the module's.
function Get-Certificate {
    $url = [uri] $stage.url
    $client = [System.Net.Sockets.TcpClient]::new($url.Host, $url.Port)
    $stream = [System.Net.Security.SslStream]::new($client.GetStream(), $false, { $true })
    $stream.AuthenticateAsClient('127.0.0.1')
    $certificate = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new($stream.RemoteCertificate)
    $client.Dispose()
    $certificate
}

# A server that shows a certificate of its own and keeps what it is sent.
function Start-Impostor {
    $key = [System.Security.Cryptography.RSA]::Create(2048)
    $request = [System.Security.Cryptography.X509Certificates.CertificateRequest]::new('CN=127.0.0.1', $key, 'SHA256',
        [System.Security.Cryptography.RSASignaturePadding]::Pkcs1)
    $certificate = $request.CreateSelfSigned([datetimeoffset]::Now.AddDays(-1), [datetimeoffset]::Now.AddDays(1))
    $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
    $listener.Start()
    $shared = @{ Listener = $listener; Certificate = $certificate; Sent = [System.Collections.Concurrent.ConcurrentQueue[string]]::new() }
    $job = $shared | ForEach-Object -AsJob -Parallel {
        $shared = $_
        while ($true) {
            $client = $shared.Listener.AcceptTcpClient()
            try {
                $stream = [System.Net.Security.SslStream]::new($client.GetStream())
                $stream.AuthenticateAsServer($shared.Certificate)
                $buffer = [byte[]]::new(4096)
                $length = $stream.Read($buffer, 0, $buffer.Length)
                $shared.Sent.Enqueue([System.Text.Encoding]::ASCII.GetString($buffer, 0, $length))
            } catch {
                $shared.Sent.Enqueue('') # the client went without a word
            }
            $client.Dispose()
        }
    }
    @{ Url = "https://127.0.0.1:$($listener.LocalEndpoint.Port)"; Sent = $shared.Sent; Listener = $listener; Job = $job }
}

try {
    $certificate = Get-Certificate
    $fingerprint = $certificate.GetCertHashString('SHA256')
    Set-Content -LiteralPath $pem $certificate.ExportCertificatePem()
    $told = (Invoke-Stage $stage 'berth token add robot --role operator') -join ' '
    $token = [regex]::Match($told, 'berth_robot_\S+').Value

    Test 'without a connection a command ends and says what to do' {
        $record = MustFail { Get-VM } BerthNotConnected ConnectionError -Terminating
        Must ($record.ErrorDetails.RecommendedAction -match 'Connect-Berth') $record.ErrorDetails.RecommendedAction
    }

    Test 'the Unix socket of the host needs no secret' {
        $session = MustWork { Connect-Berth -SocketPath $stage.socket -Name local }
        MustBe $session.Role administrator
        MustBe $session.Address $stage.socket
        MustBe (MustWork { Get-ClusterNode }).Count 3
        Must (-not ($session | ConvertTo-Json -Depth 5).Contains('berth_')) 'the session tells a secret'
    }

    Test 'a token works with the fingerprint, with colons or without' {
        foreach ($form in $fingerprint, ($fingerprint.ToLower() -replace '..(?=.)', '$0:'), "sha256:$fingerprint") {
            MustBe (MustWork { Connect-Berth $stage.url -Token $token -Fingerprint $form -Name remote }).Role operator
        }
        MustBe (MustWork { Get-ClusterNode -Session remote }).Count 3
    }

    Test 'a token file and a secure string work, with the certificate of an authority' {
        $file = Join-Path $stage.directory 'token'
        Set-Content -LiteralPath $file $token
        MustBe (MustWork { Connect-Berth $stage.url -TokenFile $file -CertificateAuthority $pem -Name remote }).User robot
        $secure = ConvertTo-SecureString $token -AsPlainText -Force
        MustBe (MustWork { Connect-Berth $stage.url -Token $secure -CertificateAuthority $pem -Name remote }).User robot
    }

    Test 'a credential logs in, changes things, and is logged out' {
        $session = MustWork { Connect-Berth $stage.url -Credential (ConvertTo-Credential $login) -Fingerprint $fingerprint -Name person }
        MustBe $session.Role administrator
        Must ($session.User -match $login.user) $session.User
        MustBe (MustWork { New-VMResourcePool Login PciExpress -Session $session }).Name Login
        [void] (MustWork { Remove-VMResourcePool Login PciExpress -Session person })
        [void] (MustWork { Disconnect-Berth person })
        [void] (MustFail { Get-VM -Session person } BerthNotConnected ObjectNotFound -Terminating)
    }

    Test 'a login that berth-api has forgotten is renewed' {
        [void] (MustWork { Connect-Berth $stage.url -Credential (ConvertTo-Credential $login) -Fingerprint $fingerprint -Name person })
        foreach ($body in { Get-ClusterNode node1 -Session person }, { Suspend-ClusterNode node1 -Session person }) {
            Invoke-Stage $stage 'api off'
            Invoke-Stage $stage 'api on'
            MustBe (MustWork $body).Name node1
        }
        [void] (MustWork { Resume-ClusterNode node1 -Session person; Disconnect-Berth person })
    }

    Test 'a role that does not allow a change is an error of permission' {
        [void] (MustWork { Connect-Berth $stage.url -Credential (ConvertTo-Credential $viewer) -Fingerprint $fingerprint -Name viewer })
        [void] (MustFail { New-VMResourcePool Nothing PciExpress -Session viewer } '' PermissionDenied)
        MustBe @(MustWork { Get-VMResourcePool -Session viewer }).Count 0
        [void] (MustWork { Disconnect-Berth viewer })
    }

    Test 'wrong secrets end the command' {
        [void] (MustFail { Connect-Berth $stage.url -Token berth_robot_wrong -Fingerprint $fingerprint } bad-token AuthenticationError -Terminating)
        $wrong = [pscredential]::new('alice', (ConvertTo-SecureString wrong -AsPlainText -Force))
        [void] (MustFail { Connect-Berth $stage.url -Credential $wrong -Fingerprint $fingerprint } login-failed AuthenticationError -Terminating)
        [void] (MustFail { Connect-Berth $stage.url -Fingerprint $fingerprint } login-needed AuthenticationError -Terminating)
    }

    Test 'a certificate that is not trusted, or another one, is refused' {
        [void] (MustFail { Connect-Berth $stage.url -Token $token } BerthCertificate SecurityError -Terminating)
        [void] (MustFail { Connect-Berth $stage.url -Token $token -Fingerprint ('0' * 64) } BerthCertificate SecurityError -Terminating)
    }

    Test 'nothing is sent to a server with the wrong certificate' {
        $impostor = Start-Impostor
        try {
            foreach ($trust in @{ Fingerprint = $fingerprint }, @{ CertificateAuthority = $pem }, @{}) {
                [void] (MustFail { Connect-Berth $impostor.Url -Token $token @trust } BerthCertificate SecurityError -Terminating)
                [void] (MustFail { Connect-Berth $impostor.Url -Credential (ConvertTo-Credential $login) @trust } BerthCertificate SecurityError -Terminating)
            }
            Wait-Until 'the impostor saw six connections' { $impostor.Sent.Count -ge 6 }
            $told = @($impostor.Sent.ToArray() | Where-Object { $_ })
            Must (-not $told) "it was sent: $told"
        } finally {
            $impostor.Listener.Stop()
            $impostor.Job | Stop-Job -PassThru | Remove-Job -Force
        }
    }

    Test 'what is given wrongly to Connect-Berth is refused before anything is sent' {
        [void] (MustFail { Connect-Berth http://127.0.0.1:1 -Token x } BadConnection InvalidArgument -Terminating)
        [void] (MustFail { Connect-Berth $stage.url -Token x -TokenFile y } BadConnection InvalidArgument -Terminating)
        [void] (MustFail { Connect-Berth $stage.url -Token x -Fingerprint abc } BadConnection InvalidArgument -Terminating)
        [void] (MustFail { Connect-Berth $stage.url -Token x -Fingerprint $fingerprint -CertificateAuthority $pem } BadConnection InvalidArgument -Terminating)
        Must (Watch { Connect-Berth $stage.url -TokenFile /nowhere }).IsTerminated 'a token file that is not there'
        Must (Watch { Connect-Berth $stage.url -Token x -CertificateAuthority $stage.socket }).IsTerminated 'a socket is no certificate'
        [void] (MustFail { Connect-Berth -SocketPath /nowhere/api.sock } BerthUnreachable ConnectionError -Terminating)
    }

    Test 'several connections are used at once, and objects remember theirs' {
        $local = MustWork { Connect-Berth -SocketPath $stage.socket -Name local }
        [void] (MustWork { Connect-Berth $stage.url -Token $token -Fingerprint $fingerprint -Name remote })
        $nodes = MustWork { Get-ClusterNode -Session $local, remote }
        MustBe $nodes.Count 6
        MustBe ((($nodes).ClusterSession | Select-Object -Unique) -join ' ') 'local remote'
        [void] (MustWork { $nodes | Where-Object { $_.ClusterSession -eq 'local' -and $_.Name -eq 'node3' } | Suspend-ClusterNode })
        MustBe (MustWork { Get-ClusterNode node3 }).State Paused
        [void] (MustWork { Resume-ClusterNode node3 -Cluster local })
        MustBe (MustWork { Get-BerthSession }).Count 2
        [void] (MustWork { Get-BerthSession remote | Disconnect-Berth })
        MustBe (MustWork { Get-BerthSession }).Name local
    }

    Test 'two clusters of one name are two connections' {
        [void] (MustWork { Disconnect-Berth -All })
        $first = MustWork { Connect-Berth -SocketPath $stage.socket }
        $second = MustWork { Connect-Berth $stage.url -Token $token -Fingerprint $fingerprint }
        MustBe $first.Name berth
        Must ($second.Name -ne $first.Name) 'the second replaced the first'
        MustBe (MustWork { Get-ClusterNode -Cluster 127.0.0.1 }).Count 3
        [void] (MustWork { Disconnect-Berth $second })
    }

    Test 'a command goes on over a new connection when the old one was cut' {
        [void] (MustWork { Connect-Berth $stage.url -Token $token -Fingerprint $fingerprint -Name wire })
        MustBe (MustWork { Get-ClusterNode -Session wire }).Count 3
        Invoke-Stage $stage 'cut'
        [void] (MustFail { Get-ClusterNode -Session wire } BerthUnreachable ConnectionError -Terminating)
        Invoke-Stage $stage 'join'
        MustBe (MustWork { Suspend-ClusterNode node2 -Session wire }).State Paused
        [void] (MustWork { Resume-ClusterNode node2 -Session wire; Disconnect-Berth wire })
    }

    Test 'a host that does not answer is named, and a command goes on when berth-api is back' {
        Invoke-Stage $stage 'api off'
        $record = MustFail { Get-VM } BerthUnreachable ConnectionError -Terminating
        Must ("$record".Contains($stage.socket)) "$record"
        Invoke-Stage $stage 'api on'
        MustBe (MustWork { Get-ClusterNode }).Count 3
    }

    Complete-Test $Words
} finally {
    Stop-Stage $stage
}
