# SPDX-License-Identifier: LGPL-2.1-or-later
# Connections by name, and which of them a command speaks to. A connection keeps secrets and stays in here; what the
# user holds is a Berth.Session.

$script:DefaultSocket = '/run/berth/api.sock'

function Add-BerthConnection {
    param([string] $Name, [uri] $Uri, [string] $SocketPath, [string] $Token, [pscredential] $Credential,
        [string] $Fingerprint, [string] $CertificateAuthority)
    $connection = @{
        Name = $Name; Uri = $Uri; SocketPath = $SocketPath; Token = $Token; Credential = $Credential; Csrf = $null
        Fingerprint = $Fingerprint; IsProven = $false
        Address = if ($SocketPath) { $SocketPath } else { $Uri.GetLeftPart('Authority') }
    }
    $connection.Http = New-BerthHttpClient $Uri $SocketPath $Fingerprint $CertificateAuthority
    try {
        if ($Credential) {
            Open-BerthLogin $connection
        }
        $session = Invoke-BerthRest $connection GET v1/session $null $connection.Address
    } catch {
        $connection.Http.Dispose()
        throw
    }
    $connection.Cluster = $session.cluster
    $connection.User = $session.actor
    $connection.Role = $session.role
    if (-not $Name) {
        $connection.Name = if ($session.cluster) { $session.cluster } else { $connection.Address }
        $other = $script:Connections[$connection.Name]
        if ($other -and $other.Address -ne $connection.Address) { # another cluster of the same name, or another host
            $connection.Name = "$($connection.Name) at $($connection.Address)"
        }
    }
    if ($script:Connections.Contains($connection.Name)) {
        Remove-BerthConnection $script:Connections[$connection.Name]
    }
    $script:Connections[$connection.Name] = $connection
    $connection
}

function Remove-BerthConnection {
    param($Connection)
    $script:Connections.Remove($Connection.Name)
    if ($Connection.Credential -and $Connection.Csrf) {
        try {
            [void] (Send-BerthRequest $Connection (New-BerthRequest $Connection DELETE v1/session))
        } catch {
            Write-Debug "The session of $($Connection.Name) could not be closed; it ends by itself: $_"
        }
    }
    if (-not $Connection.IsBorrowed) {
        $Connection.Http.Dispose()
    }
}

function Close-BerthConnection {
    foreach ($connection in @($script:Connections.Values)) {
        Remove-BerthConnection $connection
    }
}

function ConvertTo-BerthSession {
    param($Connection)
    [pscustomobject] @{
        PSTypeName = 'Berth.Session'
        Name       = $Connection.Name
        Cluster    = $Connection.Cluster
        Address    = $Connection.Address
        User       = $Connection.User
        Role       = $Connection.Role
    }
}

# The connection that 'Session' (an object or a name) means.
function Find-BerthConnection {
    param($Session)
    $name = if ($Session -is [string]) { $Session } else { $Session.Name }
    if ($name -and $script:Connections.Contains($name)) {
        return $script:Connections[$name]
    }
    $found = @($script:Connections.Values | Where-Object { $_.Cluster -eq $name -or $_.Address -eq $name -or $_.Uri.Host -eq $name })
    if ($name -and $found) {
        return $found[-1]
    }
    throw (New-BerthError 'BerthNotConnected' "There is no connection `"$name`"." 'ObjectNotFound' $Session `
            'Get-BerthSession lists the connections; Connect-Berth makes one.')
}

# The newest connection; on a host the one to its own berth-api, or what the environment names as the command line does.
function Get-BerthDefaultConnection {
    if ($script:Connections.Count -gt 0) {
        return @($script:Connections.Values)[-1]
    }
    if ($env:BERTH_HOST -or (Test-Path -LiteralPath $script:DefaultSocket)) {
        $session = Connect-Berth
        return $script:Connections[$session.Name]
    }
    throw (New-BerthError 'BerthNotConnected' 'There is no connection to a cluster.' 'ConnectionError' $null `
            'Connect first: Connect-Berth https://HOST:8643 -TokenFile FILE -Fingerprint SHA256')
}
