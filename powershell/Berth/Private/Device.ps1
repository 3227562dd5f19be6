# SPDX-License-Identifier: LGPL-2.1-or-later
# GPUs by the names that Windows' cmdlets have for them. The location path of a GPU is NODE/ADDRESS, as in the rest of
# Berth; its instance ID ends in the same.

$script:Vendors = @{ '10de' = 'NVIDIA'; '1002' = 'Advanced Micro Devices, Inc.'; '8086' = 'Intel Corporation'; '1a03' = 'ASPEED' }
# What Berth has taken from a host, or was told to.
$script:DismountedStates = 'dismounted', 'available', 'away', 'assigned', 'failed', 'quarantined', 'missing'

function Get-BerthInstanceId {
    param([string] $Bus, $Gpu)
    $vendor, $device = "$($Gpu.model)".ToUpperInvariant() -split ':'
    "$Bus\VEN_$vendor&DEV_$device\$($Gpu.node)/$($Gpu.address)"
}

function ConvertTo-BerthHostDevice {
    param($Connection, $Gpu)
    [pscustomobject] @{
        PSTypeName       = 'Berth.HostAssignableDevice'
        InstanceID       = Get-BerthInstanceId PCIP $Gpu
        LocationPath     = "$($Gpu.node)/$($Gpu.address)"
        Name             = $Gpu.name
        ComputerName     = $Gpu.node
        Address          = $Gpu.address
        ResourcePoolName = $Gpu.pool
        State            = $Gpu.state
        VMName           = $Gpu.vm
        Model            = $Gpu.model
        MmioSpace        = [uint64] $Gpu.mmio_size
        Health           = $Gpu.health
        HealthReason     = $Gpu.health_reason
        ClusterSession   = $Connection.Name
    }
}

# What is not a part of a card.
function Get-BerthCard {
    param($Connection, [string[]] $Nodes)
    Get-BerthItem $Connection v1/gpus |
        Where-Object { $_.address -notlike '*+*' -and $null -eq $_.partition_type -and (-not $Nodes -or $_.node -in $Nodes) }
}

<#
 The {Node, Address} that 'Text' means: a location path, an instance ID, or an address alone, which the nodes of
 -ComputerName or the cluster as it is make unique.
#>
function Resolve-BerthDevice {
    param($Connection, [string] $Text, [string[]] $Nodes)
    $place = $Text -replace '^(?i)PCIP?\\[^\\]*\\', ''
    if ($place -match '^(?<node>[^/\\]+)[/\\](?<address>[^/\\]+)$') {
        $node = @(Resolve-BerthNodeName $Connection $Matches.node)[0]
        return @{ Node = $node; Address = $Matches.address.ToLowerInvariant() }
    }
    $address = ($place -match '^[0-9a-fA-F]{2}:' ? "0000:$place" : $place).ToLowerInvariant()
    $found = @(Get-BerthItem $Connection v1/gpus | Where-Object { $_.address -eq $address -and (-not $Nodes -or $_.node -in $Nodes) })
    if ($found.Count -eq 1) {
        return @{ Node = $found[0].node; Address = $found[0].address }
    }
    if ($found) {
        throw (New-BerthError 'AmbiguousDevice' "More than one host has a GPU at `"$Text`": $($found.node -join ', ')." `
                'InvalidArgument' $Text 'Give the location path NODE/ADDRESS, or the host with -ComputerName.')
    }
    throw (New-BerthError 'no-such-gpu' "There is no GPU `"$Text`"; a location path is NODE/ADDRESS, such as node1/0000:65:00.0." `
            'ObjectNotFound' $Text $script:Advice['no-such-gpu'])
}

# The devices that parameters name: objects, instance paths, location paths.
function Resolve-BerthDeviceParameter {
    param($Connection, $Bound)
    foreach ($device in $Bound['HostAssignableDevice']) {
        if (-not (Test-BerthOrigin $Connection $device)) {
            continue
        }
        Resolve-BerthDevice $Connection ($device -is [string] ? $device : $device.LocationPath)
    }
    $nodes = @(Resolve-BerthNodeName $Connection $Bound['ComputerName'])
    foreach ($path in @($Bound['InstancePath'], $Bound['LocationPath']) | Where-Object { $_ } | Select-Object -Unique) {
        Resolve-BerthDevice $Connection $path $nodes
    }
}

function Test-BerthDeviceGiven {
    param($Command, $Bound)
    if ($Bound['InstancePath'] -or $Bound['LocationPath'] -or $Bound['HostAssignableDevice']) {
        return $true
    }
    $Command.ThrowTerminatingError((New-BerthError 'NoDevice' 'Give the GPU with -LocationPath or -InstancePath.' `
                'InvalidArgument' $null 'Get-PnpDevice and Get-VMHostAssignableDevice show the location paths.'))
}

# Dismounts or mounts the devices that 'Bound' names and waits for it, or has a job do that.
function Invoke-BerthDeviceOrder {
    param($Command, $Bound, [string] $Verb, [string] $Action, [hashtable] $Body)
    foreach ($berth in Select-BerthConnection $Bound $Bound['HostAssignableDevice']) {
        foreach ($device in Resolve-BerthDeviceParameter $berth $Bound) {
            $place = "$($device.Node)/$($device.Address)"
            if (-not $Command.ShouldProcess($place, $Action)) {
                continue
            }
            if ($Bound['AsJob']) {
                $parameters = @{ LocationPath = $place; Passthru = $true }
                if ($Body.force) { $parameters.Force = $true }
                Start-BerthJob $berth $Command.MyInvocation.MyCommand.Name $parameters
                continue
            }
            $path = Format-BerthPath "v1/nodes/{0}/gpus/{1}/$Verb" $device.Node, $device.Address
            $answer = Invoke-BerthRest $berth POST $path $Body $place
            $Command.WriteVerbose($answer.message)
            $leaving = $Verb -eq 'dismount' ? @('host', 'dismounting') : @('dismounted', 'mounting')
            $gpu = Wait-BerthDevice $Command $berth $device.Node $device.Address $leaving "$Action`: $place"
            if ($Bound['Passthru']) {
                ConvertTo-BerthHostDevice $berth $gpu
            }
        }
    }
}

function Add-BerthPoolMember {
    param($Command, $Connection, [string] $Pool, [object[]] $Devices)
    $members = @($Devices | ForEach-Object { @{ node = $_.Node; address = $_.Address } })
    $names = @($Devices | ForEach-Object { "$($_.Node)/$($_.Address)" }) -join ', '
    if ($members -and $Command.ShouldProcess("$names", "Add to GPU pool $Pool")) {
        $answer = Invoke-BerthRest $Connection POST (Format-BerthPath 'v1/pools/{0}/members' $Pool) @{ members = $members } $names
        $Command.WriteVerbose($answer.message)
    }
}

function Remove-BerthPoolMember {
    param($Command, $Connection, [string] $Pool, $Device)
    $place = "$($Device.Node)/$($Device.Address)"
    if (-not $Pool) {
        $Command.WriteError((New-BerthError 'no-such-member' "$place is in no GPU pool." 'ObjectNotFound' $place `
                    'Get-VMHostAssignableDevice shows the pool of each GPU.'))
    } elseif ($Command.ShouldProcess($place, "Remove from GPU pool $Pool")) {
        $path = Format-BerthPath 'v1/pools/{0}/members/{1}/{2}' $Pool, $Device.Node, $Device.Address
        $answer = Invoke-BerthRest $Connection DELETE $path $null $place
        $Command.WriteVerbose($answer.message)
    }
}
