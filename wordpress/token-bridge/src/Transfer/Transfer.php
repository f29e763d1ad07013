<?php
/**
 * The first transfer.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Transfer;

use TokenBridge\Background\Queue;
use TokenBridge\Background\Queues;
use TokenBridge\Background\Watchdog;
use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Lock;
use TokenBridge\Connection\Sentences;
use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Sends all users and packages in the background, page by page, and continues after interruptions.
 */
final class Transfer implements Feature {

	public const ACTION = 'token_bridge_transfer';
	public const LOCK   = 'token_bridge_transferring';

	/** Seconds that one background run may take. */
	private const RUN_SECONDS = 15;

	/** The part of PHP's memory after which a run ends. */
	private const MEMORY_SHARE = 0.6;

	/** Seconds to the next attempt after a failure. */
	private const RETRY_SECONDS = 60;

	/** @var Transport */
	private $transport;

	/** @var Source[] */
	private $sources = [];

	public function __construct( Transport $transport, Source ...$sources ) {
		$this->transport = $transport;
		foreach ( $sources as $source ) {
			$this->sources[ $source->kind() ] = $source;
		}
	}

	public function register(): void {
		add_action( self::ACTION, [ $this, 'run' ] );
	}

	/**
	 * Begins the transfer, from the start.
	 */
	public function begin(): void {
		$totals = array_map(
			static function ( Source $source ): int {
				return $source->count();
			},
			$this->sources
		);
		Progress::begin( $totals )->save();
		$this->queue()->clear( self::ACTION );
		$this->queue()->add( self::ACTION, [ uniqid() ] );
	}

	/**
	 * Sends pages for some seconds, then leaves the rest to the next run.
	 */
	public function run(): void {
		$lock = new Lock( self::LOCK );
		if ( ! $lock->take() ) {
			return;
		}
		try {
			$this->send_pages( Progress::load() );
		} finally {
			$lock->free();
		}
	}

	/**
	 * Stops the transfer and forgets its progress.
	 */
	public function stop(): void {
		$this->queue()->clear( self::ACTION );
		Progress::clear();
	}

	private function send_pages( Progress $progress ): void {
		$until = microtime( true ) + self::RUN_SECONDS;
		if ( Progress::RUNNING === $progress->state() ) {
			Watchdog::watch( self::ACTION );
		}
		while ( Progress::RUNNING === $progress->state() ) {
			$is_sent = $this->send_page( $progress, (string) $progress->current() );
			$progress->save();
			if ( ! $is_sent || microtime( true ) > $until || $this->is_memory_short() ) {
				$this->queue()->add( self::ACTION, [ uniqid() ], $is_sent ? 0 : self::RETRY_SECONDS );
				return;
			}
		}
	}

	/**
	 * Returns whether WordPress's cache of the users that were read has filled most of the memory.
	 */
	private function is_memory_short(): bool {
		$limit = wp_convert_hr_to_bytes( (string) ini_get( 'memory_limit' ) );
		return $limit > 0 && memory_get_usage() > self::MEMORY_SHARE * $limit;
	}

	private function send_page( Progress $progress, string $kind ): bool {
		$source = $this->sources[ $kind ];
		$page   = $source->page( $progress->after( $kind ) );
		$answer = $page->items ? $this->send( $source, $page ) : null;
		if ( $answer && ! $answer->is_ok() ) {
			$progress->fail( Sentences::about( $answer ) );
			return false;
		}
		$progress->add( $kind, count( $page->items ), $answer ? $this->refused( $answer ) : 0, $page->last_id );
		if ( $page->is_last ) {
			$progress->finish( $kind );
		}
		return true;
	}

	private function send( Source $source, Page $page ): Answer {
		return $this->transport->send( Request::put( $source->path(), [ $source->kind() => $page->items ] )->patient() );
	}

	private function refused( Answer $answer ): int {
		$results = (array) ( $answer->document()['results'] ?? [] );
		return count(
			array_filter(
				$results,
				static function ( $result ): bool {
					return (int) ( $result['status'] ?? 0 ) >= 400;
				}
			)
		);
	}

	private function queue(): Queue {
		return Queues::best();
	}
}
